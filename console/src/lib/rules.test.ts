import { expect, test } from 'vitest'
import { rulesOf } from './rules'

test('each line is a rule, in the order of its words', () => {
  expect(rulesOf('image GET /v2/images\n\n  compute  post /v2.1/servers/*/action ').rules).toEqual([
    { service: 'image', method: 'GET', path: '/v2/images' },
    { service: 'compute', method: 'POST', path: '/v2.1/servers/*/action' },
  ])
  expect(rulesOf(' \n')).toEqual({ rules: [] })
})

test('the first line that is not a rule is told', () => {
  for (const line of ['image', 'image GET', 'GET image /v2', 'image GET v2/images', 'image FETCH /v2', 'image GET /v2 more']) {
    expect(rulesOf(`image GET /\n${line}`).wrong).toBe(line)
  }
})
