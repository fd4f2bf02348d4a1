import { queryOptions } from '@tanstack/react-query'
import { compute, effigy } from './http'

export type InstanceStatus =
  | 'ACTIVE' | 'PAUSED' | 'SHUTOFF' | 'BUILD' | 'ERROR' | 'REBOOT' | 'HARD_REBOOT' | 'RESIZE' | 'VERIFY_RESIZE'
  | 'REVERT_RESIZE' | 'REBUILD' | 'SUSPENDED' | 'RESCUE' | 'SHELVED' | 'SHELVED_OFFLOADED' | 'DELETED' | 'UNKNOWN'

export interface Address {
  addr: string
  version: number
  'OS-EXT-IPS:type': string
  'OS-EXT-IPS-MAC:mac_addr': string
}

export interface Instance {
  id: string
  name: string
  status: InstanceStatus
  tenant_id: string
  user_id: string
  description: string | null
  metadata: Record<string, string>
  tags: string[]
  image: { id: string } | ''
  flavor: { original_name: string; vcpus: number; ram: number; disk: number }
  key_name: string | null
  addresses: Record<string, Address[]>
  created: string
  updated: string
  progress?: number
  fault?: { code: number; message: string; created: string }
  'OS-EXT-STS:task_state': string | null
  'OS-EXT-STS:power_state'?: number
  'OS-SRV-USG:launched_at': string | null
}

export interface ListInstances {
  search?: string
  status?: string
  tag?: string
  /** Of all projects, or of this one of them; for an administrator. */
  everywhere?: boolean
  owner?: string
  /** A key and a direction, such as `name:asc`; without, the newest come first. */
  sort?: string
  marker?: string
  /** The instance that the page ends before; in the place of a marker. */
  before?: string
  limit?: number
}

export interface Launch {
  name: string
  imageRef: string
  flavorRef: string
  min_count: number
  max_count: number
  networks: 'auto' | 'none'
  key_name?: string
  user_data?: string
}

export interface ActionRecord {
  action: string
  request_id: string
  start_time: string
  updated_at: string | null
  user_id: string
  message: string | null
}

/** A regular expression that matches the text itself. */
const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Whether the instance changes by itself. */
export const isChanging = (instance: Instance) =>
  instance['OS-EXT-STS:task_state'] !== null || ['BUILD', 'REBOOT', 'HARD_REBOOT', 'RESIZE', 'REVERT_RESIZE', 'REBUILD'].includes(instance.status)

/** Nova's word for a guest that runs, where the status does not say it. */
const RUNS = 1

/** Whether its guest runs; one that was resized may, and is looked at before the new flavor is confirmed. */
export const isRunning = (instance: Instance) =>
  instance.status === 'ACTIVE' || (['VERIFY_RESIZE', 'RESCUE'].includes(instance.status) && instance['OS-EXT-STS:power_state'] === RUNS)

/** Whether nothing of it is on its host; a cloud's Nova lets it go a while after it was shelved. */
export const isShelved = ({ status }: Instance) => status === 'SHELVED' || status === 'SHELVED_OFFLOADED'

/** Whether its owner paused it; one that is paused for want of room has a fault that says so, and goes on by itself. */
export const isHeld = ({ status, fault }: Instance) => status === 'PAUSED' && !fault

/** The columns that sort the list, by the words of the Compute API. */
const SORT_KEYS = new Map([['name', 'display_name'], ['status', 'vm_state'], ['age', 'created_at']])

/** The order to the last tie: a page before one is then the exact reverse of a page after it. */
function orderOf(sort: string | undefined, isReversed: boolean): [string, string][] {
  const [column = '', direction] = (sort ?? '').split(':')
  const key = SORT_KEYS.get(column) ?? 'created_at'
  const ties = ['created_at', 'uuid'].filter((by) => by !== key).map((by): [string, boolean] => [by, false])
  const order: [string, boolean][] = [[key, direction === 'asc'], ...ties]
  return order.flatMap(([by, isUp]): [string, string][] => [['sort_key', by], ['sort_dir', isUp === isReversed ? 'desc' : 'asc']])
}

function filtersOf({ search, status, tag, everywhere, owner }: ListInstances): URLSearchParams {
  const words = new URLSearchParams()
  if (search) words.set('name', `(?i)${literally(search)}`)
  if (status) words.set('status', status)
  if (tag) words.set('tags', tag)
  if (everywhere) words.set('all_tenants', '1')
  if (everywhere && owner) words.set('project_id', owner)
  return words
}

function wordsOf({ marker, before, sort, limit = 50, ...filters }: ListInstances): URLSearchParams {
  const words = filtersOf(filters)
  words.set('limit', String(limit))
  if (before ?? marker) words.set('marker', before || marker || '')
  // The page before one is the page after it in the reversed order.
  for (const [name, value] of orderOf(sort, Boolean(before))) words.append(name, value)
  return words
}

export const instancesQuery = (wanted: ListInstances) => {
  const words = wordsOf(wanted)
  const { before } = wanted
  return queryOptions({
    queryKey: ['instances', 'list', wanted],
    queryFn: async ({ signal }) => {
      const page = await compute<{ servers: Instance[] }>(`/servers/detail?${words}`, { signal })
      return before ? { servers: page.servers.reverse() } : page
    },
    refetchInterval: (query) => (query.state.data?.servers.some(isChanging) ? 1000 : 10_000),
  })
}

/** How many instances a list has on all of its pages. */
export const instanceCountQuery = (wanted: ListInstances) =>
  queryOptions({
    queryKey: ['instances', 'count', wanted],
    queryFn: ({ signal }) => effigy<{ count: number }>(`/instances/count?${filtersOf(wanted)}`, { signal }),
    select: (answer: { count: number }) => answer.count,
    // The service reads every record for it.
    refetchInterval: 60_000,
  })

/** How often the guest has restarted itself. */
export const guestRestartsQuery = (id: string) =>
  queryOptions({
    queryKey: ['instances', 'restarts', id],
    queryFn: ({ signal }) => effigy<{ guest_restarts: number }>(`/instances/${id}`, { signal }),
    select: (answer: { guest_restarts: number }) => answer.guest_restarts,
    refetchInterval: 10_000,
  })

/** Every instance of a list, page by page. */
export async function allInstances(wanted: Omit<ListInstances, 'marker' | 'before' | 'limit'>): Promise<Instance[]> {
  const all: Instance[] = []
  for (let marker = ''; ; marker = all.at(-1)?.id ?? '') {
    const { servers } = await compute<{ servers: Instance[] }>(`/servers/detail?${wordsOf({ ...wanted, marker, limit: 1000 })}`)
    all.push(...servers)
    if (servers.length < 1000) return all
  }
}

/** The instances of this project that were launched from an image. */
export const instancesOfImageQuery = (image: string) =>
  queryOptions({
    queryKey: ['instances', 'of-image', image],
    queryFn: ({ signal }) => compute<{ servers: Instance[] }>(`/servers/detail?limit=100&image=${image}`, { signal }),
    select: (answer: { servers: Instance[] }) => answer.servers,
  })

/** A project's instances, for an administrator. */
export const instancesOfProjectQuery = (project: string) =>
  queryOptions({
    queryKey: ['instances', 'of-project', project],
    queryFn: ({ signal }) => compute<{ servers: Instance[] }>(`/servers/detail?all_tenants=1&project_id=${project}&limit=1000`, { signal }),
    select: (answer: { servers: Instance[] }) => answer.servers,
  })

export const instanceQuery = (id: string) =>
  queryOptions({
    queryKey: ['instances', 'one', id],
    queryFn: ({ signal }) => compute<{ server: Instance }>(`/servers/${id}`, { signal }),
    select: (answer: { server: Instance }) => answer.server,
    refetchInterval: (query) => (query.state.data && isChanging(query.state.data.server) ? 1000 : 10_000),
  })

/** So many lines of a console are shown, the last. */
export const LOG_LINES = 2000

export const consoleLogQuery = (id: string, isLive: boolean) =>
  queryOptions({
    queryKey: ['instances', 'log', id],
    queryFn: ({ signal }) =>
      compute<{ output: string }>(`/servers/${id}/action`, {
        method: 'POST', body: { 'os-getConsoleOutput': { length: LOG_LINES } }, signal,
      }),
    select: (answer: { output: string }) => answer.output,
    refetchInterval: isLive ? 1500 : false,
  })

export const actionsQuery = (id: string) =>
  queryOptions({
    queryKey: ['instances', 'actions', id],
    queryFn: ({ signal }) =>
      compute<{ instanceActions: ActionRecord[] }>(`/servers/${id}/os-instance-actions`, { signal }),
    select: (answer: { instanceActions: ActionRecord[] }) => answer.instanceActions,
    refetchInterval: 10_000,
  })

const act = <T = void>(id: string, body: Record<string, unknown>) =>
  compute<T>(`/servers/${id}/action`, { method: 'POST', body })

/** All that is kept of a console's output. */
export const wholeLog = async (id: string) => (await act<{ output: string }>(id, { 'os-getConsoleOutput': {} })).output

export const startInstance = (id: string) => act(id, { 'os-start': null })
export const stopInstance = (id: string) => act(id, { 'os-stop': null })
/** Without asking the guest. */
export const forceOffInstance = (id: string) => effigy<void>(`/instances/${id}/actions/force-off`, { method: 'POST' })
export const pauseInstance = (id: string) => act(id, { pause: null })
export const unpauseInstance = (id: string) => act(id, { unpause: null })
/** Its guest's memory becomes a file, and takes none of its host's. */
export const suspendInstance = (id: string) => act(id, { suspend: null })
export const resumeInstance = (id: string) => act(id, { resume: null })
/** It runs a fresh system of its image, with its own disk as the second one. */
export const rescueInstance = (id: string) => act(id, { rescue: null })
export const unrescueInstance = (id: string) => act(id, { unrescue: null })
/** It becomes an image, and leaves its host. */
export const shelveInstance = (id: string) => act(id, { shelve: null })
export const unshelveInstance = (id: string) => act(id, { unshelve: null })
/** The instance waits with the new flavor until that is confirmed or reverted. */
export const resizeInstance = (id: string, flavorRef: string) => act(id, { resize: { flavorRef } })
export const confirmResize = (id: string) => act(id, { confirmResize: null })
export const revertResize = (id: string) => act(id, { revertResize: null })
/** With a fresh disk of the image: all that is on its disk is lost. */
export const rebuildInstance = (id: string, imageRef: string) => act(id, { rebuild: { imageRef } })
export const rebootInstance = (id: string, type: 'SOFT' | 'HARD') => act(id, { reboot: { type } })
/** With a reason, an image of a Windows that is not generalised is made all the same, and carries it. */
export const createImageOf = (id: string, name: string, reason?: string) =>
  act<{ image_id: string }>(id, { createImage: { name, metadata: reason ? { effigy_sysprep_reason: reason } : {} } })
export const renameInstance = (id: string, name: string) =>
  compute<void>(`/servers/${id}`, { method: 'PUT', body: { server: { name } } })
export const deleteInstance = (id: string) => compute<void>(`/servers/${id}`, { method: 'DELETE' })
export const launch = (server: Launch) =>
  compute<{ server: { id: string } }>('/servers', { method: 'POST', body: { server } })

/** The page of the cloud's own that shows a screen; its address holds a token that is good for a short while. */
export async function screenOfCloud(id: string): Promise<string> {
  const body = { remote_console: { protocol: 'vnc', type: 'novnc' } }
  const { remote_console: { url } } = await compute<{ remote_console: { url: string } }>(`/servers/${id}/remote-consoles`, { method: 'POST', body })
  if (!/^https?:$/.test(new URL(url).protocol)) throw new Error(url)
  return url
}

/** Where a console's WebSocket is; the address holds a token that is good for a short while. */
export async function consoleAddress(id: string, kind: 'vnc' | 'serial'): Promise<string> {
  const type = kind === 'vnc' ? 'novnc' : 'serial'
  const body = { remote_console: { protocol: kind, type } }
  const answer = await compute<{ remote_console: { url: string } }>(`/servers/${id}/remote-consoles`, {
    method: 'POST', body,
  })
  const { pathname, search } = new URL(answer.remote_console.url)
  return consoleSocket(`${pathname}${search}`)
}

/** The WebSocket at a path of this service. */
export const consoleSocket = (path: string) => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`
