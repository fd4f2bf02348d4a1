// The host, its stores and the usage of every project, for administrators.
import { queryOptions } from '@tanstack/react-query'
import { effigy } from './http'
import { PROJECT, type Usage } from './project'

type Database = 'ok' | 'cannot be written'

export interface HostStore {
  name: string
  description: string
  is_default: boolean
  is_read_only: boolean
  used_bytes: number
  free_bytes: number | null
  reserve_bytes: number
  has_room: boolean
  damaged_chunks: number
  is_sweep_stopped: boolean
  bucket: HostBucket | null
}

/** The bucket of a store's objects, with the cache before it. */
export interface HostBucket {
  name: string
  prefix: string
  endpoint: string | null
  is_away: boolean
  cached_bytes: number
  cache_bytes: number
}

export interface Housekeeping {
  is_under_way: boolean
  ended_at: string | null
  failure: string | null
}

export interface Jobs {
  lane: 'front' | 'import' | 'clean' | 'back'
  waiting: number
  running: number
  workers: number
}

export interface Host {
  host: string
  health: {
    ready: boolean
    database: Database
    store: Database | 'has less room than store.reserve_mib keeps free'
    chunks: 'ok' | 'some are damaged' | 'not known'
    sweeping: 'ok' | 'left something undone'
  }
  cpus: number
  load_percent: number | null
  memory_mib: number
  memory_available_mib: number | null
  guests: {
    accel: 'kvm' | 'tcg' | null
    running: number
    vcpus: number
    memory_mib: number
    memory_limit_mib: number
    disk_gib: number
    disk_free_bytes: number | null
    disk_reserve_bytes: number
  } | null
  stores: HostStore[]
  jobs: Jobs[]
  sweep: Housekeeping
  scrub: Housekeeping
}

export const hostQuery = queryOptions({
  queryKey: ['host'],
  queryFn: ({ signal }) => effigy<Host>('/host', { signal }),
  refetchInterval: 10_000,
})

/** Limits of a project in the place of the deployment's, which holds where there is none. */
export type OwnLimits = Partial<Record<keyof Usage, number | null>>

export interface Usages {
  projects: { project_id: string; usage: Usage; own: OwnLimits | null }[]
  /** Of every project that has nothing. */
  others: Usage
}

/** The usage of every project. */
export const usagesQuery = queryOptions({
  queryKey: [PROJECT, 'usages'],
  queryFn: ({ signal }) => effigy<Usages>('/projects', { signal }),
})

export const setQuota = (project: string, own: OwnLimits) => effigy<void>(`/projects/${project}/quota`, { method: 'PUT', body: own })

/** How a user comes in. */
export interface Arrival {
  user_id: string
  last_sign_in_at: string | null
  locked_addresses: number
  locked_until: string | null
}

export const arrivalsQuery = queryOptions({
  queryKey: ['users', 'arrivals'],
  queryFn: ({ signal }) => effigy<{ users: Arrival[] }>('/users', { signal }),
  select: (answer: { users: Arrival[] }): Partial<Record<string, Arrival>> => Object.fromEntries(answer.users.map((user) => [user.user_id, user])),
})

/** Opens a locked account for every address. */
export const unlockUser = (id: string) => effigy<void>(`/users/${id}/locks`, { method: 'DELETE' })
