import type { Flavor } from '../api/flavors'
import type { Image } from '../api/images'
import type { Instance } from '../api/instances'

const GIB = 1024 ** 3

/** The size of an instance's disk; 0 where its flavor has none of its own and its image is gone. The service knows it. */
export const diskOf = ({ disk }: Instance['flavor'], image: Pick<Image, 'virtual_size'> | undefined) => (disk === 0 ? (image?.virtual_size ?? 0) : disk * GIB)

/** Why an instance cannot get a flavor: it has it, its disk would have to shrink, or its image needs more memory. */
export function unfit(
  flavor: Pick<Flavor, 'name' | 'ram' | 'disk'>, now: Instance['flavor'], image: Pick<Image, 'virtual_size' | 'min_ram'> | undefined, ofCloud: boolean,
): 'current' | 'smaller' | 'memory' | null {
  // One that was made anew under its name and id, with other parts, is refused as the same.
  if (flavor.name === now.original_name) return 'current'
  // A flavor without a disk takes the disk as it is; Nova has it only where there was none before.
  const isSmaller = flavor.disk === 0 ? ofCloud && now.disk > 0 : flavor.disk * GIB < diskOf(now, image)
  if (isSmaller) return 'smaller'
  return flavor.ram < (image?.min_ram ?? 0) ? 'memory' : null
}
