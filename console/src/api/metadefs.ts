// The service's metadata definitions: names of images' properties, and the values that they may have.
import { queryOptions } from '@tanstack/react-query'
import { ask } from './http'

export interface Definition {
  title: string
  description?: string
  type: 'string' | 'integer' | 'number' | 'boolean' | 'array'
  enum?: (string | number)[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  default?: unknown
}

export interface Namespace {
  namespace: string
  display_name?: string
  /** By the names that they have on images. */
  properties: Record<string, Definition>
}

interface Answered extends Partial<Omit<Namespace, 'namespace'>> {
  namespace: string
  objects?: { properties?: Record<string, Definition> }[]
}

const OF_IMAGES = 'OS::Glance::Image'
const root = '/image/v2/metadefs/namespaces'

/** The definitions of images' properties, by namespace. */
export const definitionsQuery = queryOptions({
  queryKey: ['metadefs'],
  queryFn: async ({ signal }): Promise<Namespace[]> => {
    const { namespaces } = await ask<{ namespaces: Answered[] }>(`${root}?resource_types=${OF_IMAGES}&limit=100`, { signal })
    const whole = await Promise.all(namespaces.map(({ namespace }) => ask<Answered>(`${root}/${encodeURIComponent(namespace)}?resource_type=${OF_IMAGES}`, { signal })))
    const all = whole.map(({ namespace, display_name, properties, objects = [] }) => ({
      namespace, display_name, properties: Object.assign({}, properties, ...objects.map((one) => one.properties)) as Record<string, Definition>,
    }))
    return all.filter(({ properties }) => Object.keys(properties).length > 0)
  },
  staleTime: Infinity,
})
