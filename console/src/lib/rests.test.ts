import { expect, test } from 'vitest'
import type { References, Share } from '../api/shares'
import { together } from './rests'

const share = (project_id: string, status: Share['status']): Share => ({ project_id, project_name: null, status, expires_at: null, reason: null, note: null, shared_at: '', updated_at: '', launches: 0, downloads: 0 })
const nothing: References = {
  instances: { own: [], own_count: 0, elsewhere: 0 }, images: { own: [], own_count: 0, elsewhere: 0 }, release: null, shares: [], stores: ['default'], work: null,
  deletion: { refused: null, breaks: [], frees_bytes: 10 },
}

test('what rests on several images is summed, and a receiver is named once', () => {
  const one: References = { ...nothing, instances: { own: [{ id: 'i', name: 'web', status: 'ACTIVE' }], own_count: 120, elsewhere: 2 }, shares: [share('a', 'accepted'), share('b', 'pending')], deletion: { refused: null, breaks: ['rebuilds', 'shares'], frees_bytes: 5 } }
  const all = together([one, { ...nothing, shares: [share('a', 'accepted'), share('c', 'rejected')] }])
  expect([all.instances.own_count, all.instances.elsewhere, all.open, all.frees]).toEqual([120, 2, 1, 15])
  expect(all.receivers.map(({ project_id }) => project_id)).toEqual(['a'])
  expect([all.breaks, all.stores]).toEqual([['rebuilds', 'shares'], ['default']])
})

test('bytes that nobody counts now are not summed', () => {
  expect(together([nothing, { ...nothing, deletion: { ...nothing.deletion, frees_bytes: null } }]).frees).toBeNull()
  expect(together([]).frees).toBe(0)
})

test('an image that is deleted with the one it was made from is not among those that stay', () => {
  const parent: References = { ...nothing, images: { own: [{ id: 'child', name: 'child' }, { id: 'other', name: null }], own_count: 2, elsewhere: 1 } }
  const { images } = together([parent, nothing], ['parent', 'child'])
  expect([images.own.map(({ id }) => id), images.own_count, images.elsewhere]).toEqual([['other'], 1, 1])
})
