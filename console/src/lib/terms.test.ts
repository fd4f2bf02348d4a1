import { expect, test } from 'vitest'
import type { Share } from '../api/shares'
import { markerIn } from '../api/shares'
import { bytesOf, changedTerms, endAfter, endOf, fieldOf, misfitOf, MOST_NOTE, MOST_REASON, NO_TERMS, termsOf, typedOf } from './terms'
import { ahead } from './time'

// Where a clock goes back and forward; and where the year 9999 ends early.
process.env.TZ = 'America/New_York'

const share: Share = { project_id: 'p', project_name: null, status: 'pending', expires_at: '2099-01-31T10:20:30Z', reason: 'audit', note: null, shared_at: '', updated_at: '', launches: 0, downloads: 0 }

test('a limit is told in the bytes that the service counts', () => {
  expect(['note', ' note \n', '메모', '👩‍💻'].map(bytesOf)).toEqual([4, 4, 6, 11])
  expect(misfitOf({ ...NO_TERMS, note: '가'.repeat(MOST_NOTE / 3) })).toBeUndefined()
  expect(misfitOf({ ...NO_TERMS, note: '가'.repeat(MOST_NOTE / 3 + 1) })).toBe('note')
  expect(misfitOf({ ...NO_TERMS, reason: 'a'.repeat(MOST_REASON + 1) })).toBe('reason')
})

test('a choice is a whole second by the calendar', () => {
  const now = new Date(2027, 0, 31, 10, 20, 30, 456)
  expect((['day', 'week', 'month'] as const).map((end) => fieldOf(endAfter(end, now)))).toEqual(['2027-02-01T10:20:30', '2027-02-07T10:20:30', '2027-02-28T10:20:30'])
})

test('an end is in the future, and is one', () => {
  const now = Date.parse('2027-01-01T00:00:00Z')
  const at = (ms: number) => ({ ...NO_TERMS, end: 'own' as const, at: fieldOf(new Date(ms)) })
  expect(misfitOf(at(now), now)).toBe('past')
  expect(misfitOf(at(now + 1000), now)).toBeUndefined()
  expect(endOf(at(now + 1000))).toBe('2027-01-01T00:00:01Z')
  expect(['', 'soon', '275760-01-01T00:00'].map((at) => misfitOf({ ...NO_TERMS, end: 'own', at }, now))).toEqual(['time', 'time', 'time'])
})

test('terms that nobody changed are sent as they were', () => {
  expect(termsOf(typedOf(share))).toEqual({ expires_at: share.expires_at, reason: 'audit' })
  expect(termsOf(typedOf({ ...share, expires_at: null, reason: null }))).toEqual({})
  expect(termsOf({ ...NO_TERMS, note: '  ' })).toEqual({})
})

test('an end that nobody touches stays to the second, wherever it is looked at', () => {
  for (const zone of ['America/New_York', 'Asia/Seoul', 'UTC']) {
    process.env.TZ = zone
    for (const expires_at of ['2099-11-01T05:30:00Z', '2099-11-01T06:30:00Z', '9999-12-31T23:59:59Z']) {
      const typed = { ...typedOf({ ...share, expires_at }), reason: 'another' }
      expect([misfitOf(typed), termsOf(typed).expires_at]).toEqual([undefined, expires_at])
    }
  }
  process.env.TZ = 'America/New_York'
})

test('an hour that a clock leaves out is no time', () => {
  expect(endOf({ ...NO_TERMS, end: 'own', at: '2027-03-14T02:30' })).toBeUndefined()
  expect(endOf({ ...NO_TERMS, end: 'own', at: '2027-03-14T03:30' })).toBe('2027-03-14T07:30:00Z')
})

test('a term that somebody else has changed meanwhile stays, unless it was changed here too', () => {
  const now: Share = { ...share, expires_at: '2098-01-01T00:00:00Z', note: 'theirs', reason: 'theirs' }
  expect(changedTerms({ ...typedOf(share), reason: 'mine' }, share, now)).toEqual({ expires_at: now.expires_at, note: 'theirs', reason: 'mine' })
  expect(changedTerms({ ...typedOf(share), end: 'never' }, share, now)).toEqual({ note: 'theirs', reason: 'theirs' })
})

test('how far an end is is rounded', () => {
  const now = Date.parse('2027-01-01T00:00:00Z')
  const left = (seconds: number) => ahead(new Date(now + seconds * 1000).toISOString(), 'en', now)
  expect([0, 1, 90, 86_399, 7 * 86_400 - 1, 30 * 86_400].map(left)).toEqual(['', 'in 1 second', 'in 90 seconds', 'in 24 hours', 'in 7 days', 'in 30 days'])
})

test('a page’s end leads to the next one', () => {
  expect(markerIn('/effigy/v1/sharing/offers?limit=1&marker=17-a%2Fb')).toBe('17-a/b')
  expect(markerIn(null)).toBeUndefined()
})
