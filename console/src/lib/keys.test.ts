import { expect, test } from 'vitest'
import { pressesOf, untyped } from './keys'

const keys = (sign: string) => pressesOf(sign).map(({ key, isDown }) => (isDown ? key : -key))

test('a sign is pressed and released, with shift around it where its key needs that', () => {
  expect(keys('a')).toEqual([0x61, -0x61])
  expect(keys('A')).toEqual([0xffe1, 0x41, -0x41, -0xffe1])
  expect([keys('|').length, keys('\\').length, keys('\n')]).toEqual([4, 2, [0xff0d, -0xff0d]])
})

test('a sign that no key types is told', () => {
  expect(untyped('héllo\r\n\t~é서')).toEqual(['é', '서'])
})
