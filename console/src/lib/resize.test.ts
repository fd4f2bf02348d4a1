import { expect, test } from 'vitest'
import { unfit } from './resize'

const flavor = (name: string, disk: number, ram = 512) => ({ name, ram, disk })
const now = (name: string, disk: number) => ({ original_name: name, vcpus: 1, ram: 512, disk })
const image = { virtual_size: 2 * 1024 ** 3, min_ram: 256 }

test('a disk grows with the flavor, and never shrinks', () => {
  expect([10, 20, 40].map((disk) => unfit(flavor('other', disk), now('small', 20), image, false))).toEqual(['smaller', null, null])
  // Without a disk of its own it has the image’s size.
  expect([1, 2].map((disk) => unfit(flavor('other', disk), now('nano', 0), image, false))).toEqual(['smaller', null])
  expect(unfit(flavor('other', 1), now('nano', 0), undefined, false)).toBeNull()
})

test('a flavor without a disk takes the disk as it is, and Nova does not', () => {
  const nano = flavor('nano', 0)
  expect([true, false].map((ofCloud) => unfit(nano, now('small', 20), image, ofCloud))).toEqual(['smaller', null])
  expect(unfit(nano, now('other', 0), image, true)).toBeNull()
})

test('a flavor has the memory that the image needs', () => {
  expect(unfit(flavor('other', 20, 128), now('small', 20), image, false)).toBe('memory')
})

test('the current flavor is no other, also when it was made anew', () => {
  expect(unfit(flavor('small', 20), now('small', 20), image, false)).toBe('current')
  expect(unfit(flavor('small', 40, 1024), now('small', 20), image, false)).toBe('current')
})
