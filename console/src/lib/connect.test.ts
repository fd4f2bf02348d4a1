import { expect, test } from 'vitest'
import type { Image } from '../api/images'
import { isHere, isWindows, leadsTo, sshLine, tunnelLine, userOf } from './connect'

const image = (properties: object) => properties as Image
const at = { place: '127.0.0.1:40022', user: 'debian', key: null, through: undefined }

test('the user is the one that the image names, or the one that its distribution makes', () => {
  expect(['ubuntu', 'debian', 'fedora', 'almalinux', 'rhel'].map((os_distro) => userOf(image({ os_distro })))).toEqual(['ubuntu', 'debian', 'fedora', 'almalinux', 'cloud-user'])
  expect(userOf(image({ os_distro: 'ubuntu', os_admin_user: 'ops' }))).toBe('ops')
  expect(['-oProxyCommand=id', 'a b', '$(id)'].map((os_admin_user) => userOf(image({ os_admin_user })))).toEqual([undefined, undefined, undefined])
  expect([userOf(image({ os_distro: 'plan9' })), userOf(undefined)]).toEqual([undefined, undefined])
})

test('the line that signs in has user, key, address and port', () => {
  expect(sshLine(at)).toBe('ssh -p 40022 debian@127.0.0.1')
  expect(sshLine({ ...at, place: '127.64.0.1:22' })).toBe('ssh debian@127.64.0.1')
  expect(sshLine({ ...at, key: 'laptop' })).toBe('ssh -i laptop.pem -p 40022 debian@127.0.0.1')
  expect(sshLine({ ...at, user: undefined })).toBe('ssh -p 40022 USER@127.0.0.1')
})

test('from elsewhere the line goes by way of the host, where the port is', () => {
  expect(sshLine({ ...at, through: 'cloud.example' })).toBe('ssh -J cloud.example -p 40022 debian@127.0.0.1')
  expect(tunnelLine('127.0.0.1:43389', 'cloud.example')).toBe('ssh -N -L 43389:127.0.0.1:43389 cloud.example')
  expect(['localhost', '127.0.0.1', '127.9.9.9', '[::1]'].map(isHere)).toEqual([true, true, true, true])
  expect(['127.example', '10.0.0.1'].map(isHere)).toEqual([false, false])
})

test('a name in the line is inert', () => {
  expect(sshLine({ ...at, key: 'a $(id)', user: 'x;id' })).toBe("ssh -i 'a $(id).pem' -p 40022 'x;id@127.0.0.1'")
})

test('a port is found by the guest’s port, and a Windows by either word', () => {
  const forwards = [{ guest_port: 80, host: '127.64.0.1:80', obstacle: null }, { guest_port: 22, host: '127.64.0.1:2', obstacle: 'taken' as const }]
  expect([leadsTo(forwards, 22)?.host, leadsTo(forwards, 3389)]).toEqual(['127.64.0.1:2', undefined])
  expect([{ os_type: 'windows' }, { os_distro: 'windows' }, { os_type: 'linux' }].map((one) => isWindows(image(one)))).toEqual([true, true, false])
})
