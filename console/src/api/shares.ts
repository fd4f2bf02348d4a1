// Shares on terms, the offers that wait, the history of both, and the things that rest on an image.
import { queryOptions } from '@tanstack/react-query'
import { warningOf } from './errors'
import { askWhole, effigy } from './http'

/** The terms of a share; one that is left out is none. */
export interface Terms {
  expires_at?: string
  reason?: string
  note?: string
}

export interface Share {
  project_id: string
  /** Its name, once it has accepted. */
  project_name: string | null
  status: 'pending' | 'accepted' | 'rejected'
  expires_at: string | null
  /** Null for the receiver. */
  reason: string | null
  note: string | null
  shared_at: string
  updated_at: string
  launches: number
  downloads: number
}

export interface Offer {
  image: string
  name: string | null
  owner: string
  owner_name: string | null
  note: string | null
  offered_at: string
  expires_at: string | null
}

export interface ShareEvent {
  id: string
  image: string
  image_name: string | null
  /** The receiver. */
  project_id: string
  at: string
  step: 'shared' | 'changed' | 'pending' | 'accepted' | 'rejected' | 'ended' | 'expired'
  expires_at: string | null
  reason: string | null
}

/** The use that a receiver has made of an image. */
export interface ShareUse {
  image: string
  project_id: string
  launches: number
  downloads: number
  last_at: string
}

export interface ShareHistory {
  history: ShareEvent[]
  uses: ShareUse[]
  next: string | null
}

/** Things of one kind: the first hundred of the project's own by name, how many it has, and how many others have. */
export interface Resting<T> {
  own: T[]
  own_count: number
  elsewhere: number
}

export interface References {
  instances: Resting<{ id: string; name: string; status: string }>
  images: Resting<{ id: string; name: string | null }>
  release: { channel: string; name: string; number: number; is_current: boolean } | null
  shares: Share[]
  stores: string[]
  work: string | null
  deletion: {
    refused: string | null
    breaks: ('rebuilds' | 'shares' | 'release' | 'work')[]
    /** Null while too many count. */
    frees_bytes: number | null
  }
}

/** The rows of a page. */
export const ROWS = 25
/** So many offers are told at a time; the others follow as these are answered. */
const MOST_OFFERS = 100
/** So many shares are on the longest page. */
const MOST_SHARES = 1000

/** The place after which the next page begins, in the address that leads there. */
export const markerIn = (next: string | null) => (next === null ? undefined : (new URL(next, 'http://service').searchParams.get('marker') ?? undefined))

const page = (after: string) => `limit=${ROWS}${after && `&marker=${encodeURIComponent(after)}`}`

interface Shares {
  shares: Share[]
  next: string | null
}

/** A page of an image's shares: to its receiver only its own. */
export const sharesQuery = (image: string, after = '') =>
  queryOptions({ queryKey: ['images', 'shares', image, after], queryFn: ({ signal }) => effigy<Shares>(`/images/${image}/shares?${page(after)}`, { signal }), refetchInterval: 30_000 })

/** Every share of an image, as it is now: a choice that is made of an older answer would share and end the wrong ones. */
export const allSharesQuery = (image: string) =>
  queryOptions({
    queryKey: ['images', 'shares', image, 'all'],
    // An image has fewer shares than the longest page has rows.
    queryFn: ({ signal }) => effigy<Shares>(`/images/${image}/shares?limit=${MOST_SHARES}`, { signal }),
    select: ({ shares }: Shares) => shares,
    gcTime: 0,
    refetchOnMount: 'always',
  })

/** One share as it is now. */
export const shareOf = (image: string, project: string) => effigy<Share>(`/images/${image}/shares/${project}`)

/** Shares an image; what the service warns of, if it does. */
export async function shareImage(image: string, project: string, terms: Terms): Promise<string> {
  const { headers } = await askWhole<Share>(`/effigy/v1/images/${image}/shares`, { method: 'POST', body: { project, ...terms } })
  return warningOf(headers.get('warning'))
}

/** Sets all terms of a share anew. */
export const setShare = (image: string, project: string, terms: Terms) => effigy<Share>(`/images/${image}/shares/${project}`, { method: 'PUT', body: terms })

/** The terms and notes of the images that wait for the project's answer. */
export const offersQuery = queryOptions({
  queryKey: ['images', 'offers'],
  queryFn: ({ signal }) => effigy<{ offers: Offer[] }>(`/sharing/offers?limit=${MOST_OFFERS}`, { signal }),
  select: (answer: { offers: Offer[] }) => answer.offers,
})

/** The history of the shares of an image; of no image, of all that was offered to this project. */
export const shareHistoryQuery = (image: string | undefined, after: string) =>
  queryOptions({
    queryKey: ['images', 'share-history', image ?? 'received', after],
    queryFn: ({ signal }) => effigy<ShareHistory>(`${image === undefined ? '/sharing/history' : `/images/${image}/share-history`}?${page(after)}`, { signal }),
    // An end by its date is written a few seconds after it.
    refetchInterval: 30_000,
  })

export const referencesQuery = (image: string) =>
  queryOptions({ queryKey: ['images', 'references', image], queryFn: ({ signal }) => effigy<References>(`/images/${image}/references`, { signal }), retry: false })
