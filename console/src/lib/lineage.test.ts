import { expect, test } from 'vitest'
import { NODE, type Place, pictureOf } from './lineage'

/** Whether two images stand on the same place. */
const overlap = (one: Place, other: Place, width: number) =>
  Math.abs(one.left - other.left) < width && Math.abs(one.top - other.top) < NODE.height

test('no image stands on another, and each but the oldest has a line from what it was made from', () => {
  for (const room of [300, 5000]) {
    for (const [ancestors, made] of [[0, 0], [1, 0], [0, 6], [3, 4]] as const) {
      const { places, lines } = pictureOf(ancestors, made, room)
      expect(places).toHaveLength(ancestors + 1 + made)
      expect(lines).toHaveLength(ancestors + made)
      places.forEach((one, n) => places.slice(n + 1).forEach((other) => expect(overlap(one, other, NODE.width)).toBe(false)))
    }
  }
})

test('it is drawn across where there is room, and else from the top down', () => {
  expect(pictureOf(1, 1, 1000).width).toBe(3 * NODE.width + 2 * NODE.between)
  const narrow = pictureOf(1, 1, 340)
  expect(narrow.width).toBeUndefined()
  expect(narrow.places.map(({ left }) => left)).toEqual([0, 0, NODE.indent])
})
