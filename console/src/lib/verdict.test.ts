import { expect, test } from 'vitest'
import type { Image } from '../api/images'
import { outcomeOf } from './verdict'

const image = (effigy: Partial<Image['effigy']>, more: object = {}) =>
  ({ status: 'active', visibility: 'private', ...more, effigy: { has_disk: true, verdict: 'passed', seen: 'whole', problems: 0, ...effigy } }) as Image
const word = (...of: Parameters<typeof image>) => outcomeOf(image(...of)).word

test('a private image neither passes nor fails: the word says what was found', () => {
  expect(word({})).toBe('clean')
  expect(outcomeOf(image({ verdict: 'failed', problems: 3 }))).toEqual({ word: 'problems', mood: 'warn', count: 3 })
  // Problems of less than high severity do not stop it from passing, and are problems.
  expect(word({ problems: 1 })).toBe('problems')
})

test('an image that could not be told is not called bad', () => {
  expect(outcomeOf(image({ verdict: 'failed', seen: 'unknown' }))).toMatchObject({ word: 'unknown', mood: 'still' })
  expect(outcomeOf(image({ verdict: 'failed', seen: 'partly' }))).toMatchObject({ word: 'partly', mood: 'still' })
  expect(word({ verdict: null })).toBe('running')
  expect(word({ verdict: null, has_disk: false })).toBe('none')
})

test('where Public is at stake, an image passes, fails, or is Public by a decision', () => {
  const open = { visibility: 'public' }
  expect(word({ problems: 2 }, open)).toBe('passed')
  expect(word({ verdict: 'failed' }, open)).toBe('failed')
  expect(word({ verdict: 'failed' }, { ...open, effigy_public_reason: 'a sample' })).toBe('decided')
  expect(word({ verdict: 'failed' }, { ...open, effigy_public_reason: 'a sample', os_effigy_public: 'held' })).toBe('failed')
})
