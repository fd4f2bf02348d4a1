import type { Image } from '../api/images'

/** The distribution and version in an image, as far as its record says. */
export const osOf = (image: Image) => {
  const distro = image.os_distro
  const version = image.os_version
  return typeof distro === 'string' ? [distro, typeof version === 'string' ? version : ''].join(' ').trim() : '–'
}
