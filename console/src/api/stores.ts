// The Image API's stores: where the bytes of images lie. An image may be in several.
import { queryOptions } from '@tanstack/react-query'
import { ask } from './http'

export interface Store {
  id: string
  description: string
  /** Takes what names no store. */
  default?: 'true'
  /** Takes nothing new. */
  'read-only'?: 'true'
}

/** Every store of this deployment, the one that is read first before the others. */
export const storesQuery = queryOptions({
  queryKey: ['stores'],
  queryFn: ({ signal }) => ask<{ stores: Store[] }>('/image/v2/info/stores', { signal }),
  select: (answer: { stores: Store[] }) => answer.stores,
  staleTime: Infinity,
})

export const takesNew = (store: Store) => !store['read-only']

/** The names in one of the lists of an image's record. */
export const namesIn = (list: string | undefined) => list?.split(',').filter(Boolean) ?? []

/** Begins to copy an image to further stores; one that cannot take it is left out. */
export const copyToStores = (id: string, stores: string[]) =>
  ask<void>(`/image/v2/images/${id}/import`, { method: 'POST', body: { method: { name: 'copy-image' }, stores, all_stores_must_succeed: false } })

export const removeFromStore = (id: string, store: string) => ask<void>(`/image/v2/stores/${encodeURIComponent(store)}/${id}`, { method: 'DELETE' })

interface Task {
  status: 'pending' | 'processing' | 'success' | 'failure'
  message: string
  created_at: string
}

/** Why the last import or copy of an image failed; for its own project and the admin. */
export const importFailureQuery = (id: string) =>
  queryOptions({
    queryKey: ['images', 'import-failure', id],
    queryFn: ({ signal }) => ask<{ tasks: Task[] }>(`/image/v2/images/${id}/tasks`, { signal }),
    select: ({ tasks }: { tasks: Task[] }) => tasks.filter(({ status }) => status === 'failure').sort((a, b) => b.created_at.localeCompare(a.created_at))[0]?.message ?? '',
  })
