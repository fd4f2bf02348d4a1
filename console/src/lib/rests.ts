// The things that rest on several images, taken together.
import type { References, Resting, Share } from '../api/shares'

export interface Together {
  instances: Resting<{ id: string; name: string }>
  images: Resting<{ id: string; name: string | null }>
  releases: NonNullable<References['release']>[]
  /** The receivers that have accepted, each once. */
  receivers: Share[]
  /** The offers that nobody has accepted. */
  open: number
  stores: string[]
  work: string[]
  /** Why deleting some of them is refused. */
  refused: string[]
  breaks: References['deletion']['breaks']
  /** The bytes that deleting them frees, where all of them are counted. */
  frees: number | null
}

const once = <T>(all: T[]) => [...new Set(all)]

function resting<T extends { id: string }>(all: Resting<T>[]): Resting<T> {
  const sum = (of: (one: Resting<T>) => number) => all.reduce((sum, one) => sum + of(one), 0)
  return { own: all.flatMap(({ own }) => own), own_count: sum(({ own_count }) => own_count), elsewhere: sum(({ elsewhere }) => elsewhere) }
}

/** Everything that rests on these, and what becomes of it when they go. An image that is deleted with the others does not count among what stays. */
export function together(all: References[], deleted: string[] = []): Together {
  const shares = all.flatMap(({ shares }) => shares)
  const accepted = shares.filter(({ status }) => status === 'accepted')
  const images = resting(all.map(({ images }) => images))
  const staying = images.own.filter(({ id }) => !deleted.includes(id))
  const frees = all.map(({ deletion }) => deletion.frees_bytes)
  return {
    instances: resting(all.map(({ instances }) => instances)),
    images: { ...images, own: staying, own_count: images.own_count - (images.own.length - staying.length) },
    releases: all.flatMap(({ release }) => release ?? []),
    receivers: accepted.filter(({ project_id }, at) => accepted.findIndex((other) => other.project_id === project_id) === at),
    open: shares.filter(({ status }) => status === 'pending').length,
    stores: once(all.flatMap(({ stores }) => stores)),
    work: once(all.flatMap(({ work }) => work ?? [])),
    refused: once(all.flatMap(({ deletion }) => deletion.refused ?? [])),
    breaks: once(all.flatMap(({ deletion }) => deletion.breaks)),
    // Two images may share what is nobody else's, so a sum is a lower bound.
    frees: frees.includes(null) ? null : frees.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0),
  }
}
