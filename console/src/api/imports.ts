// The Image API's import: the service fetches an image from a URL by itself.
import { queryOptions } from '@tanstack/react-query'
import { ask } from './http'

interface ImportInfo {
  'import-methods': { value: string[] }
}

/** Whether this deployment fetches images from URLs. */
export const canFetchQuery = queryOptions({
  queryKey: ['import-methods'],
  queryFn: ({ signal }) => ask<ImportInfo>('/image/v2/info/import', { signal }),
  select: (answer: ImportInfo) => answer['import-methods'].value.includes('web-download'),
  staleTime: Infinity,
})

/** Begins to fetch an image; into the default store, unless one is named. */
export const importFrom = (id: string, uri: string, store?: string) =>
  ask<void>(`/image/v2/images/${id}/import`, { method: 'POST', body: { method: { name: 'web-download', uri }, ...(store && { stores: [store] }) } })
