// The service's messages in the language of the reader: a catalogue names each by its English sentence.
import { bytes } from './bytes'

/** English sentences with `{names}` for the parts that differ, and the same in another language; `{name:bytes}` writes a number of bytes with its unit. */
export type Catalogue = Record<string, string>

export interface Sentence {
  shape: RegExp
  names: string[]
  /** How many characters are the sentence's own: of two that fit, the one with more is meant. */
  weight: number
  said: string
}

const NAME = /\{(\w+)(:bytes)?\}/g
const SIGN = /[.*+?^${}()|[\]\\]/g

/** The catalogue as `told` reads it, the closest sentences first. */
export function sentencesOf(catalogue: Catalogue): Sentence[] {
  const all = Object.entries(catalogue).map(([english, said]): Sentence => {
    const names = [...english.matchAll(NAME)].map(([, name]) => name ?? '')
    const own = english.split(/\{\w+\}/)
    const shape = new RegExp(`^${own.map((piece) => piece.replace(SIGN, '\\$&')).join('(.*?)')}$`, 's')
    return { shape, names, weight: own.join('').length, said }
  })
  return all.sort((a, b) => b.weight - a.weight)
}

/** The message in the catalogue's language, its parts too where they are sentences; nothing when the catalogue does not know it. */
export function told(message: string, sentences: Sentence[]): string | undefined {
  for (const { shape, names, said } of sentences) {
    const found = shape.exec(message)
    if (!found) continue
    const values = new Map(names.map((name, n) => [name, found[n + 1] ?? '']))
    return said.replace(NAME, (_, name: string, isBytes?: string) => {
      const value = values.get(name) ?? ''
      return isBytes && /^\d+$/.test(value) ? bytes(Number(value)) : (told(value, sentences) ?? value)
    })
  }
  return undefined
}
