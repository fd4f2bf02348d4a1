import { queryOptions } from '@tanstack/react-query'
import { compute } from './http'

export interface Flavor {
  id: string
  name: string
  vcpus: number
  ram: number
  disk: number
  'os-flavor-access:is_public': boolean
  description: string | null
}

export const flavorsQuery = queryOptions({
  queryKey: ['flavors'],
  queryFn: ({ signal }) => compute<{ flavors: Flavor[] }>('/flavors/detail', { signal }),
  select: (answer: { flavors: Flavor[] }) =>
    [...answer.flavors].sort((a, b) => a.ram - b.ram || a.vcpus - b.vcpus || a.disk - b.disk),
  staleTime: 60_000,
})

export interface NewFlavor {
  name: string
  vcpus: number
  ram: number
  disk: number
}

export const createFlavor = (flavor: NewFlavor) =>
  compute<void>('/flavors', { method: 'POST', body: { flavor: { ...flavor, id: null } } })
export const deleteFlavor = (id: string) => compute<void>(`/flavors/${id}`, { method: 'DELETE' })
