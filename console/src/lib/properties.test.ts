import { expect, test } from 'vitest'
import type { Image } from '../api/images'
import { conflicts, editedOf, isTaken, isYes, misfit, onto, patchOf } from './properties'

const image = (more: object = {}) => ({ id: 'I', name: 'one', visibility: 'private', protected: false, os_hidden: false, min_disk: 0, min_ram: 0, tags: ['b', 'a'], os_distro: 'debian', hw_disk_bus: 'scsi', effigy_public_reason: 'x', ...more }) as unknown as Image

test('one change has what was touched and nothing else', () => {
  const before = editedOf(image())
  expect(patchOf(before, editedOf(image()))).toEqual([])
  const after = { ...before, name: 'two', tags: ['a'], properties: { os_distro: 'ubuntu', 'a/b~c': '1' } }
  expect(patchOf(before, after)).toEqual([
    { op: 'replace', path: '/name', value: 'two' }, { op: 'replace', path: '/tags', value: ['a'] },
    { op: 'remove', path: '/hw_disk_bus' }, { op: 'add', path: '/os_distro', value: 'ubuntu' }, { op: 'add', path: '/a~1b~0c', value: '1' },
  ])
})

test('a conflict is what two changed differently', () => {
  const before = editedOf(image())
  const after = { ...before, name: 'mine', protected: true, properties: { os_distro: 'ubuntu' } }
  const fresh = editedOf(image({ name: 'theirs', protected: true, min_ram: 64, hw_disk_bus: 'ide', os_distro: 'debian' }))
  expect(conflicts(before, after, fresh)).toEqual(['name', 'hw_disk_bus'])
  const merged = onto(before, after, fresh)
  expect(merged).toMatchObject({ name: 'mine', protected: true, min_ram: 64, properties: { os_distro: 'ubuntu' } })
  expect('hw_disk_bus' in merged.properties).toBe(false)
})

test('a value is held to its definition', () => {
  const of = { title: 'T', type: 'integer', minimum: 1, maximum: 8 } as const
  expect(['4', '0', '9', '1.5', 'many', ''].map((value) => misfit(value, of))).toEqual([undefined, 'range', 'range', 'number', 'number', 'number'])
  expect(['bios', 'x'].map((value) => misfit(value, { title: 'T', type: 'string', enum: ['bios', 'uefi'] }))).toEqual([undefined, 'choice'])
  expect(misfit('x', { title: 'T', type: 'string', pattern: '(?P<odd>y)' })).toBe(undefined)
  expect(['True', 'yes', '0'].map(isYes)).toEqual([true, true, false])
  expect(['os_hash_value', 'effigy_mine', 'os_distro'].map(isTaken)).toEqual([true, true, false])
})
