import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import en from '../locales/messages/en.json'
import ja from '../locales/messages/ja.json'
import ko from '../locales/messages/ko.json'
import { sentencesOf, told } from './told'

const korean = sentencesOf(ko)
const OVER = "the project's images use 41943040 of its 104857600 bytes, and this needs 83886080 more; delete images, or ask for a larger quota"

test('a message is told in the language of its reader, with bytes that a person can read', () => {
  expect(told(OVER, korean)).toMatch(/^프로젝트의 Image가 할당량 100 MiB 중 40 MiB를 쓰고 있어 80 MiB를/)
  expect(told(OVER, sentencesOf(en))).toMatch(/^The project's images use 40 MiB of its 100 MiB, and this needs 80 MiB more\./)
})

test('a sentence within a sentence is told too', () => {
  expect(told('Not everything inside could be looked at: the time for it ran out.', korean)).toBe('모든 내용을 확인하지는 못했습니다: 확인할 시간이 부족했습니다.')
  const refused = 'The image is refused: the file is declared raw and is qcow2. Declare the format qcow2, or convert the file to raw. (rule: format_mismatch)'
  expect(told(refused, sentencesOf(ja))).toBe('ファイルを受け付けませんでした。選んだ形式とファイルの形式が異なります。ファイルの形式を選ぶか、ファイルを変換してください。')
})

test('of two sentences that fit the closer one is told, and of none nothing', () => {
  expect(told("Cannot 'createImage' instance X while an image is being made of it; it is free again when that image is ready.", korean)).toMatch(/^Image를 만드는 동안/)
  expect(told('A sentence that nobody wrote.', korean)).toBeUndefined()
})

test('each sentence is in both languages, and names only what the English one names', () => {
  expect(Object.keys(ja)).toEqual(Object.keys(ko))
  const named = (text: string) => [...text.matchAll(/\{(\w+)/g)].map(([, name]) => name)
  for (const catalogue of [en, ja, ko]) {
    for (const [english, said] of Object.entries(catalogue)) expect(named(english)).toEqual(expect.arrayContaining(named(said)))
  }
})

/** The texts of the program's sources, with the names of their parts left out. */
function saidByTheProgram(): Set<string> {
  const root = new URL('../../..', import.meta.url).pathname
  const folders = [`${root}src`, ...readdirSync(`${root}crates`).map((crate) => `${root}crates/${crate}/src`)]
  const files = folders.flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.rs')).map((name) => `${folder}/${name}`))
  const texts = files.flatMap((file) => [...readFileSync(file, 'utf8').replace(/'\\?"'/g, '').matchAll(/"((?:[^"\\]|\\[^])*)"/g)].map(([, text]) => text ?? ''))
  return new Set(texts.map((text) => nameless(text.replace(/\\\n\s*/g, ''))))
}

const nameless = (text: string) => text.replace(/\{[^{}]*\}/g, '{}')

test('each sentence is one that the program says', () => {
  const said = saidByTheProgram()
  const all = [en, ja, ko].flatMap((catalogue) => Object.keys(catalogue))
  expect(all.filter((sentence) => !said.has(nameless(sentence)))).toEqual([])
})
