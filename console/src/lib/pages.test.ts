import { expect, test } from 'vitest'
import { csv } from './csv'
import { rangeOf } from './pages'

test('a page says which rows it has, and of how many where that fits', () => {
  expect(rangeOf({ from: 26, length: 25, all: 9990 })).toEqual({ from: 26, to: 50, all: 9990 })
  expect(rangeOf({ from: 26, length: 25, all: 40 })).toEqual({ from: 26, to: 50 })
  expect(rangeOf({ from: 1, length: 3, all: undefined })).toEqual({ from: 1, to: 3 })
  expect(rangeOf({ from: 1, length: 0, all: 0 })).toBeUndefined()
})

test('a table as CSV keeps what is in its cells, and no cell is a formula', () => {
  expect(csv(['name', 'size'], [['a "b", c', 7], ['line\nbreak', null]])).toBe('\ufeffname,size\r\n"a ""b"", c",7\r\n"line\nbreak",\r\n')
  expect(csv(['name'], [['=1+1'], ['@x'], ['-1'], ['+1'], ['\tx']]).split('\r\n').slice(1, -1)).toEqual(["'=1+1", "'@x", "'-1", "'+1", "'\tx"])
  expect(csv(['size'], [[-1]])).toContain('\r\n-1\r\n')
})
