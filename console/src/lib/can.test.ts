import { describe, expect, test } from 'vitest'
import type { Image } from '../api/images'
import type { Instance } from '../api/instances'
import type { Session } from '../api/session'
import { canDo, canWithImage } from './can'

const session = (roles: string[], sharing: Session['sharing'] = 'own-projects') =>
  ({ roles, sharing, is_admin: roles.includes('admin'), project: { id: 'web', name: 'web' } }) as Session
const member = session(['member', 'reader'])
const instance = (status: string, task: string | null = null) => ({ status, 'OS-EXT-STS:task_state': task }) as Instance
const image = (fields: object) =>
  ({ status: 'active', visibility: 'private', owner: 'web', protected: false, effigy: { has_disk: true }, ...fields }) as Image

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
    expect(canDo('stop', [instance('ACTIVE'), instance('SHUTOFF')], member)).toBe('notRunning')
  })
  test('is only looked at by a reader', () => {
    expect(canDo('delete', [instance('ACTIVE')], session(['reader']))).toBe('readerOnly')
  })
  test('that nobody selected cannot be changed', () => {
    expect(canDo('delete', [], member)).toBe('nothingSelected')
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
    expect(canWithImage('publish', image({ visibility: 'public', effigy_public: 'held' }), session(['admin']))).toBeNull()
  })
  test('that is protected stays', () => {
    expect(canWithImage('delete', image({ protected: true }), member)).toBe('isProtected')
  })
  test('that is deactivated is the admin’s alone to launch', () => {
    expect(canWithImage('launch', image({ status: 'deactivated' }), member)).toBe('deactivated')
    expect(canWithImage('launch', image({ status: 'deactivated' }), session(['admin']))).toBeNull()
  })
})
