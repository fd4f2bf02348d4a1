import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { en } from '../locales/en'
import { ja } from '../locales/ja'
import { ko } from '../locales/ko'

type Words = { [key: string]: string | Words }

/** The keys of a catalogue; the forms of a number are one. */
function keysOf(words: Words, path = ''): string[] {
  const keys = Object.entries(words).flatMap(([key, value]) => (typeof value === 'string' ? [path + key.replace(/_(zero|one|other)$/, '')] : keysOf(value, `${path}${key}.`)))
  return [...new Set(keys)]
}

const root = new URL('..', import.meta.url).pathname
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name) && !name.includes('.test.') && !name.startsWith('locales'))
const code = sources.map((name) => readFileSync(root + name, 'utf8')).join('\n')

test('each word of the locales is used', () => {
  const texts = new Set([...code.matchAll(/'([\w.]+)'/g)].map(([, text]) => text ?? ''))
  // A key that is put together counts when the words in its gaps are written somewhere too.
  const words = new Set([...texts, ...[...code.matchAll(/\b(\w+)\??:/g)].map(([, word]) => word ?? '')])
  const shapes = [...code.matchAll(/`(\w+\.[\w.]*(?:\$\{[^`]*?\}[\w.]*)+)`/g)].map(([, text = '']) => new RegExp(`^${text.replaceAll('.', '\\.').replace(/\$\{[^}]*\}/g, '(\\w+)')}$`))
  const isUsed = (key: string) => texts.has(key) || shapes.some((shape) => shape.exec(key)?.slice(1).every((word) => words.has(word)))
  // The names of the findings are the service's own: see words.test.ts.
  const own = keysOf(en).filter((key) => !key.startsWith('finding.'))
  expect(own.filter((key) => !isUsed(key))).toEqual([])
})

test('all three languages have the same words', () => {
  // Korean and Japanese have one form for every number.
  for (const other of [ko, ja]) expect(keysOf(other as unknown as Words).sort()).toEqual(keysOf(en).sort())
})
