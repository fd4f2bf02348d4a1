import { queryOptions } from '@tanstack/react-query'
import { compute } from './http'

export interface KeyPair {
  name: string
  fingerprint: string
  type: string
  public_key: string
}

export const keyPairsQuery = queryOptions({
  queryKey: ['key-pairs'],
  queryFn: ({ signal }) => compute<{ keypairs: { keypair: KeyPair }[] }>('/os-keypairs', { signal }),
  select: (answer: { keypairs: { keypair: KeyPair }[] }) => answer.keypairs.map((entry) => entry.keypair),
})

export const importKeyPair = (name: string, public_key: string) =>
  compute<{ keypair: KeyPair }>('/os-keypairs', { method: 'POST', body: { keypair: { name, public_key, type: 'ssh' } } })
/** The service makes the key, as Nova does up to 2.91; the private half is in this answer alone. */
export const generateKeyPair = async (name: string) => {
  const headers = { 'openstack-api-version': 'compute 2.91' }
  const answer = await compute<{ keypair: KeyPair & { private_key: string } }>('/os-keypairs', { method: 'POST', headers, body: { keypair: { name, type: 'ssh' } } })
  return answer.keypair
}
export const deleteKeyPair = (name: string) =>
  compute<void>(`/os-keypairs/${encodeURIComponent(name)}`, { method: 'DELETE' })
