import { expect, test } from 'vitest'
import { lackOf } from './lack'

const GIB = 1024 ** 3
const image = { disk_format: 'raw', min_ram: 0, min_disk: 0, virtual_size: 2 * GIB }

test('a flavor has at least the memory and the disk that the image needs, or takes the image’s size', () => {
  expect(lackOf({ ram: 256, disk: 1 }, { ...image, min_ram: 512 })).toBe('512 MiB')
  expect([0, 1, 2].map((disk) => lackOf({ ram: 256, disk }, image))).toEqual(['', '2 GiB', ''])
  expect(lackOf({ ram: 256, disk: 2 }, { ...image, min_disk: 3 })).toBe('3 GiB')
})

test('a CD needs a flavor with a disk, which may be smaller than the CD', () => {
  const cd = { ...image, disk_format: 'iso' }
  expect([0, 1, 2].map((disk) => lackOf({ ram: 256, disk }, cd))).toEqual(['1 GiB', '', ''])
})
