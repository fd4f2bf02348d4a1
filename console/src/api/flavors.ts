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
  swap: number
  'OS-FLV-EXT-DATA:ephemeral': number
  extra_specs: Record<string, string>
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

/** Makes a flavor as it was, but for what changes. */
async function make(flavor: Flavor) {
  const { id, name, vcpus, ram, disk, description, swap, extra_specs } = flavor
  const more = { swap, 'OS-FLV-EXT-DATA:ephemeral': flavor['OS-FLV-EXT-DATA:ephemeral'], 'os-flavor-access:is_public': flavor['os-flavor-access:is_public'] }
  await compute<void>('/flavors', { method: 'POST', body: { flavor: { id, name, vcpus, ram, disk, description, ...more } } })
  if (Object.keys(extra_specs).length > 0) await compute<void>(`/flavors/${id}/os-extra_specs`, { method: 'POST', body: { extra_specs } })
}

/**
 * Deletes a flavor and makes it anew under its name and id: the API changes none. The old one is there again when the
 * new one is refused.
 */
export async function changeFlavor(flavor: Flavor, wanted: Pick<Flavor, 'vcpus' | 'ram' | 'disk' | 'description'>) {
  await deleteFlavor(flavor.id)
  try {
    await make({ ...flavor, ...wanted })
  } catch (error) {
    await deleteFlavor(flavor.id).catch(() => undefined)
    await make(flavor)
    throw error
  }
}
