// The shares of an image, and the things that rest on it.
import { queryOptions } from '@tanstack/react-query'
import { effigy } from './http'

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

export const referencesQuery = (image: string) =>
  queryOptions({ queryKey: ['images', 'references', image], queryFn: ({ signal }) => effigy<References>(`/images/${image}/references`, { signal }), retry: false })
