// A file's format and plain name, as its name tells them.

export const FORMATS = ['qcow2', 'raw', 'vmdk', 'vhd', 'vhdx', 'vdi', 'iso']
const ALSO: Record<string, string> = { qcow: 'qcow2', vpc: 'vhd' }

const PACKED = /\.(gz|xz|zst|bz2)$/i

const wholeNameOf = (path: string) => path.trim().split(/[?#]/)[0]?.split('/').at(-1) ?? ''
const fileOf = (path: string) => wholeNameOf(path).replace(PACKED, '')

/** The container format of a file: the service unpacks a compressed one as it saves it. */
export const containerOf = (path: string): Container => (PACKED.test(wholeNameOf(path)) ? 'compressed' : 'bare')
export type Container = 'bare' | 'compressed'

/** The format that a file's name ends with; a name without one is taken for raw. */
export function formatOf(path: string): string {
  const ending = fileOf(path).split('.').at(-1)?.toLowerCase() ?? ''
  return FORMATS.includes(ending) ? ending : (ALSO[ending] ?? 'raw')
}

/** A file's name without its ending. */
export const nameOf = (path: string) => fileOf(path).replace(/\.[A-Za-z0-9]{1,5}$/, '')
