// The way into a guest from outside: the line that signs in, or why there is none.
import type { Image } from '../api/images'
import type { Forward } from '../api/network'
import { shellWord } from './commands'

/** The user that cloud-init makes, by the distribution's word for itself. */
const USERS: Record<string, string> = {
  almalinux: 'almalinux', alpine: 'alpine', amzn: 'ec2-user', arch: 'arch', centos: 'cloud-user', debian: 'debian', fedora: 'fedora', flatcar: 'core', freebsd: 'freebsd',
  kali: 'kali', openeuler: 'openeuler', ol: 'cloud-user', opensuse: 'opensuse', 'opensuse-leap': 'opensuse', 'opensuse-tumbleweed': 'opensuse', rhel: 'cloud-user', rocky: 'rocky', ubuntu: 'ubuntu',
}

const text = (value: unknown) => (typeof value === 'string' ? value : '')

/** An image may be a stranger's: a name that ssh would take for an option is not passed on. */
const NAME = /^[A-Za-z_][\w.-]{0,63}$/

/** The user to sign in as: the one that the image names, or the one that its distribution makes. */
export function userOf(image: Image | undefined): string | undefined {
  const named = text(image?.os_admin_user)
  return NAME.test(named) ? named : USERS[text(image?.os_distro).toLowerCase()]
}

export const isWindows = (image: Image | undefined) =>
  text(image?.os_type) === 'windows' || text(image?.os_distro).startsWith('windows')

/** Whether a browser that knows the service by this name is on the service's own machine. */
export const isHere = (host: string) => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host)

/** The place of the host that leads to this port of the guest. */
export const leadsTo = (forwards: Forward[], port: number) => forwards.find(({ guest_port }) => guest_port === port)

export interface SignIn {
  /** The place on the host that leads to the guest: `ADDRESS:PORT`. */
  place: string
  user: string | undefined
  key: string | null
  /** The host's name, for whoever is not on it. */
  through: string | undefined
}

/** The name of the file that the console saves a private key in. */
const keyFile = (key: string) => `${key}.pem`

/** USER stands where nobody knows the user. */
export function sshLine({ place, user, key, through }: SignIn): string {
  const [address = '', port = ''] = place.split(/:(?=\d+$)/)
  const words = [...(key ? ['-i', keyFile(key)] : []), ...(through ? ['-J', through] : []), ...(port === '22' ? [] : ['-p', port]), `${user ?? 'USER'}@${address}`]
  return ['ssh', ...words.map(shellWord)].join(' ')
}

/** The same for a remote desktop: the address for a program on the host, and the tunnel to it from elsewhere. */
export function tunnelLine(place: string, through: string): string {
  const [, port = ''] = place.split(/:(?=\d+$)/)
  return ['ssh', '-N', '-L', `${port}:${place}`, through].map(shellWord).join(' ')
}
