// The Network API: the ports of the host that lead to a guest.
import { queryOptions } from '@tanstack/react-query'
import { ask } from './http'

export interface Forward {
  guest_port: number
  /** The place on the host: `ADDRESS:PORT`. */
  host: string
  /** Why the port has another number there than in the guest. */
  obstacle: 'taken' | 'no-right' | 'no-address' | null
}

/** The ports of the host that lead to an instance. */
export const forwardsQuery = (instance: string) =>
  queryOptions({
    queryKey: ['instances', 'forwards', instance],
    queryFn: ({ signal }) => ask<{ ports: { 'effigy:forwards': Forward[] }[] }>(`/network/v2.0/ports?device_id=${instance}&fields=effigy:forwards`, { signal }),
    select: (answer: { ports: { 'effigy:forwards': Forward[] }[] }) => answer.ports.flatMap((port) => port['effigy:forwards']),
  })
