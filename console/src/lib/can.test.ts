import { describe, expect, test } from 'vitest'
import type { Image } from '../api/images'
import type { Instance } from '../api/instances'
import type { Session } from '../api/session'
import type { Store } from '../api/stores'
import { ableInstances, canCopy, canRemoveFrom, canWithImage, storesWithout } from './can'

const session = (roles: string[], sharing: Session['sharing'] = 'own-projects') =>
  ({ roles, sharing, runs_instances: true, is_admin: roles.includes('admin'), project: { id: 'web', name: 'web' } }) as Session
const member = session(['member', 'reader'])
const instance = (status: string, task: string | null = null, more: Partial<Instance> = {}) =>
  ({ status, 'OS-EXT-STS:task_state': task, image: { id: 'i' }, ...more }) as Instance
const image = (fields: object) =>
  ({ status: 'active', visibility: 'private', owner: 'web', protected: false, effigy: { has_disk: true }, ...fields }) as Image

const canDo = (...asked: Parameters<typeof ableInstances>) => ableInstances(...asked).reason

describe('an instance', () => {
  test('that runs can be shut down, and not started', () => {
    expect(canDo('stop', [instance('ACTIVE')], member)).toBeNull()
    expect(canDo('start', [instance('ACTIVE')], member)).toBe('notStopped')
  })
  test('to which something is being done waits', () => {
    expect(canDo('createImage', [instance('SHUTOFF', 'image_snapshot')], member)).toBe('busy')
  })
  test('that does not answer the power button is forced off', () => {
    expect(canDo('forceOff', [instance('ACTIVE', 'powering-off')], member)).toBeNull()
    expect(canDo('forceOff', [instance('ACTIVE')], member)).toBeNull()
    expect(canDo('forceOff', [instance('SHUTOFF')], member)).toBe('notRunning')
  })
  test('is imaged alone, but shut down with others', () => {
    expect(canDo('createImage', [instance('SHUTOFF'), instance('SHUTOFF')], member)).toBe('oneOnly')
    expect(canDo('stop', [instance('ACTIVE'), instance('ACTIVE')], member)).toBeNull()
  })
  test('is acted on with those of a selection that can', () => {
    const mixed = [instance('ACTIVE'), instance('SHUTOFF'), instance('ERROR')]
    expect(ableInstances('start', mixed, member)).toEqual({ able: [mixed[1]], reason: null })
    expect(ableInstances('stop', [instance('SHUTOFF')], member)).toEqual({ able: [], reason: 'notRunning' })
  })
  test('that its owner paused goes on when asked, and one that is paused for want of room by itself', () => {
    const full = instance('PAUSED', null, { fault: { code: 507, message: 'Paused: the disk is full', created: '' } })
    expect(canDo('unpause', [instance('PAUSED')], member)).toBeNull()
    expect(canDo('unpause', [full], member)).toBe('paused')
    expect(canDo('unpause', [instance('ACTIVE')], member)).toBe('notPaused')
    expect([instance('PAUSED'), full].map((one) => canDo('stop', [one], member))).toEqual(['held', 'paused'])
    expect([instance('PAUSED'), full].map((one) => canDo('forceOff', [one], member))).toEqual([null, null])
    expect(canDo('pause', [instance('ACTIVE')], member)).toBeNull()
    expect(canDo('pause', [instance('SHUTOFF')], member)).toBe('notRunning')
  })
  test('that was resized is confirmed, reverted or deleted, and nothing else is done to it', () => {
    const resized = [instance('VERIFY_RESIZE')]
    expect((['confirmResize', 'revertResize', 'delete'] as const).map((action) => canDo(action, resized, member))).toEqual([null, null, null])
    const others = ['start', 'stop', 'reboot', 'hardReboot', 'forceOff', 'pause', 'resize', 'rebuild', 'createImage'] as const
    expect([...new Set(others.map((action) => canDo(action, resized, member)))]).toEqual(['unconfirmed'])
    expect(canDo('confirmResize', [instance('ACTIVE')], member)).toBe('notResized')
    expect(canDo('revertResize', [instance('VERIFY_RESIZE', 'resize_confirming')], member)).toBe('busy')
  })
  test('that did not come up with its new flavor is reverted, but not in a cloud', () => {
    expect(canDo('revertResize', [instance('ERROR')], member)).toBeNull()
    expect(canDo('revertResize', [instance('ERROR')], { ...member, of_cloud: true })).toBe('notResized')
    expect(canDo('confirmResize', [instance('ERROR')], member)).toBe('notResized')
  })
  test('is resized alone, running or stopped, and rebuilt with others, also in error', () => {
    expect(['ACTIVE', 'SHUTOFF', 'ERROR', 'PAUSED'].map((status) => canDo('resize', [instance(status)], member))).toEqual([null, null, 'failed', 'held'])
    expect(canDo('resize', [instance('ACTIVE'), instance('ACTIVE')], member)).toBe('oneOnly')
    expect(['ACTIVE', 'SHUTOFF', 'ERROR', 'RESIZE'].map((status) => canDo('rebuild', [instance(status)], member))).toEqual([null, null, null, 'busy'])
    expect(ableInstances('rebuild', ['ACTIVE', 'PAUSED', 'ERROR'].map((status) => instance(status)), member).able).toHaveLength(2)
    expect(canDo('rebuild', [instance('ACTIVE', null, { image: '' })], member)).toBe('ofVolume')
  })
  test('is only looked at by a reader', () => {
    expect(canDo('delete', [instance('ACTIVE')], session(['reader']))).toBe('readerOnly')
  })
  test('that nobody selected cannot be changed', () => {
    expect(canDo('delete', [], member)).toBe('nothingSelected')
  })
})

const stores = ['fast', 'local', 'old'].map((id): Store => ({ id, description: '', ...(id === 'old' && { 'read-only': 'true' }) }))

describe('an image in a store', () => {
  const admin = session(['admin'])
  test('is copied by an administrator, to what takes something new and lacks it', () => {
    expect(storesWithout(image({ stores: 'local' }), stores).map(({ id }) => id)).toEqual(['fast'])
    expect(canCopy(image({ stores: 'local' }), stores, admin)).toBeNull()
    expect(canCopy(image({ stores: 'local' }), stores, member)).toBe('adminOnly')
    expect(canCopy(image({ stores: 'fast,local' }), stores, admin)).toBe('everyStore')
    expect(canCopy(image({ stores: 'local', os_glance_importing_to_stores: 'fast' }), stores, admin)).toBe('busy')
    expect(canCopy(image({ stores: 'local', status: 'deactivated' }), stores, admin)).toBe('deactivated')
    expect(canCopy(image({ status: 'queued' }), stores, admin)).toBe('notReady')
  })
  test('is removed from it unless it is the last', () => {
    expect(canRemoveFrom('fast', image({ stores: 'fast,local' }), stores, member)).toBeNull()
    expect(canRemoveFrom('local', image({ stores: 'local' }), stores, member)).toBe('lastStore')
    expect(canRemoveFrom('gone', image({ stores: 'local,gone' }), stores, member)).toBe('storeGone')
    expect(canRemoveFrom('fast', image({ stores: 'fast,local', owner: 'other' }), stores, member)).toBe('notYours')
    expect(canRemoveFrom('fast', image({ stores: 'fast,local' }), stores, session(['reader']))).toBe('readerOnly')
    expect(canRemoveFrom('fast', image({ stores: 'fast,local', status: 'deactivated' }), stores, member)).toBe('deactivated')
  })
})

describe('an image', () => {
  test('of another project is not shared on', () => {
    expect(canWithImage('share', image({ owner: 'other', visibility: 'shared' }), member)).toBe('notYours')
    expect(canWithImage('launch', image({ owner: 'other', visibility: 'shared' }), member)).toBeNull()
  })
  test('is not shared where nothing is', () => {
    expect(canWithImage('share', image({}), session(['member'], 'off'))).toBe('sharingOff')
  })
  test('that everybody sees needs no sharing', () => {
    expect(canWithImage('share', image({ visibility: 'public' }), member)).toBe('publicNotShared')
  })
  test('that is held back can be let through', () => {
    expect(canWithImage('publish', image({ visibility: 'public' }), session(['admin']))).toBe('isPublic')
    expect(canWithImage('publish', image({ visibility: 'public', os_effigy_public: 'held' }), session(['admin']))).toBeNull()
  })
  test('that is protected stays', () => {
    expect(canWithImage('delete', image({ protected: true }), member)).toBe('isProtected')
  })
  test('is not launched where no instances are run', () => {
    const without = { ...member, runs_instances: false }
    expect(canWithImage('launch', image({}), without)).toBe('noInstances')
    expect(canWithImage('download', image({}), without)).toBeNull()
  })
  test('that is deactivated is the admin’s alone to launch', () => {
    expect(canWithImage('launch', image({ status: 'deactivated' }), member)).toBe('deactivated')
    expect(canWithImage('launch', image({ status: 'deactivated' }), session(['admin']))).toBeNull()
  })
})
