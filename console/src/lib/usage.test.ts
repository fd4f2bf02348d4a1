import { expect, test } from 'vitest'
import { levelOf, percentOf } from './usage'

test('a quota is tight from four fifths on, and full at its limit', () => {
  expect([0, 79, 80, 99, 100, 101].map((used) => levelOf(used, 100))).toEqual(['roomy', 'roomy', 'tight', 'tight', 'full', 'full'])
  expect(levelOf(0, 0)).toBe('full')
})

test('a bar is never longer than its frame', () => {
  expect([percentOf(1, 4), percentOf(9, 4), percentOf(0, 0)]).toEqual([25, 100, 100])
})
