// The word for the outcome of the verification of an image.
import { type Image, isBeingVerified } from '../api/images'

export type Mood = 'good' | 'still' | 'moving' | 'warn' | 'bad'

export interface Outcome {
  word: 'running' | 'none' | 'clean' | 'problems' | 'unknown' | 'partly' | 'passed' | 'failed' | 'decided'
  mood: Mood
  count: number
}

/** Whether an image passes matters for Public alone: elsewhere the word says what was found. */
export function outcomeOf(image: Image): Outcome {
  const { verdict, seen, problems } = image.effigy
  const count = problems ?? 0
  const say = (word: Outcome['word'], mood: Mood): Outcome => ({ word, mood, count })
  if (isBeingVerified(image)) return say('running', 'moving')
  if (verdict === null) return say('none', 'still')
  if (image.visibility === 'public') {
    if (verdict === 'passed') return say('passed', 'good')
    const isDecided = !image.os_effigy_public && typeof image.effigy_public_reason === 'string'
    return isDecided ? say('decided', 'warn') : say('failed', 'bad')
  }
  if (count > 0) return say('problems', 'warn')
  if (seen === 'unknown') return say('unknown', 'still')
  return verdict === 'passed' ? say('clean', 'good') : say('partly', 'still')
}
