import { expect, test } from 'vitest'
import type { Image } from '../api/images'
import type { Report } from '../api/verification'
import { differences, unknownFacts } from './declared'

const no = { unknown: 'nobody knows' }
const facts = (known: Record<string, unknown>) => {
  const all = { family: no, distribution: no, version: no, name: no, architecture: no, boot: no, cloud_init: no, guest_agent: no, virtio: no, root_free_bytes: no }
  return { ...all, ...Object.fromEntries(Object.entries(known).map(([name, value]) => [name, { known: value }])) } as Report['facts']
}
const between = (image: object, known: Record<string, unknown>) => differences(image as Image, { facts: facts(known) } as Report)

test('a property that contradicts the disk is told beside what was found', () => {
  const found = { family: 'linux', distribution: 'rocky', version: '9.6', architecture: 'x86_64', boot: { bios: true, uefi: false } }
  expect(between({ os_distro: 'ubuntu', os_version: '9.6', hw_firmware_type: 'uefi' }, found)).toEqual([
    { what: 'distribution', declared: 'ubuntu', found: 'rocky' },
    { what: 'boot', declared: 'uefi', found: 'bios' },
  ])
  expect(between({ os_type: 'windows', architecture: 'aarch64' }, found).map(({ what }) => what)).toEqual(['family', 'architecture'])
})

test('less exact is no contradiction, and neither is silence', () => {
  expect(between({ os_version: '9', os_distro: 'Rocky' }, { version: '9.6', distribution: 'rocky' })).toEqual([])
  expect(between({ os_version: '9' }, { version: '95' })).toHaveLength(1)
  expect(between({ os_distro: 'ubuntu' }, {})).toEqual([])
  expect(between({}, { distribution: 'rocky' })).toEqual([])
})

test('facts that are unknown for one reason are told together', () => {
  expect(unknownFacts({ ...facts({ family: 'linux' }), virtio: { unknown: 'no modules' } }).map(([why, names]) => [why, names.length])).toEqual([['nobody knows', 8], ['no modules', 1]])
})
