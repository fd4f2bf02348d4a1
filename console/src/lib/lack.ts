import type { Flavor } from '../api/flavors'
import type { Image } from '../api/images'
import { bytes } from './bytes'

const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** The memory or disk that an image needs and a flavor has not; nothing when it fits. */
export function lackOf({ ram, disk }: Pick<Flavor, 'ram' | 'disk'>, image: Pick<Image, 'disk_format' | 'min_ram' | 'min_disk' | 'virtual_size'>): string {
  if (ram < image.min_ram) return bytes(image.min_ram * MIB)
  // A CD has an empty disk beside it, however large it is itself.
  const isCd = image.disk_format === 'iso'
  const least = Math.max(image.min_disk * GIB, isCd ? GIB : (image.virtual_size ?? 0))
  // A flavor without a disk of its own takes the image's size.
  return (isCd || disk !== 0) && disk * GIB < least ? bytes(least) : ''
}
