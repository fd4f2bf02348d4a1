// Channels: names that lead to the current one of several images.
import { queryOptions } from '@tanstack/react-query'
import type { Image } from './images'
import { effigy } from './http'

export interface Release {
  number: number
  image: string
  disk_digest: string | null
  is_current: boolean
  status: Image['status']
  visibility: Image['visibility']
  verdict: Image['effigy']['verdict']
  notes: string
  former_name: string | null
  released_at: string
  deprecated_at: string | null
  retired_at: string | null
}

export interface Channel {
  id: string
  name: string
  project_id: string
  current: Release
  deprecated_at: string | null
  retired_at: string | null
  created_at: string
}

export interface ChannelStep {
  step: number
  at: string
  action: 'promoted' | 'rolled_back'
  release: number
  replaced: number | null
  image: string
  reason: string | null
  user_name: string
}

interface Older {
  instances: { id: string; name: string; image: string; release: number }[]
  elsewhere: number | null
}

/** When something is deprecated and retired. */
export interface Dates {
  deprecated_at?: string
  retired_at?: string
}

/** So many channels are listed; a project has at most a tenth of them. */
const MOST_LISTED = 1000

export const channelsQuery = queryOptions({
  queryKey: ['channels', 'list'],
  queryFn: ({ signal }) => effigy<{ channels: Channel[] }>(`/channels?limit=${MOST_LISTED}`, { signal }),
  select: (answer: { channels: Channel[] }) => answer.channels,
  refetchInterval: 30_000,
})

export const channelQuery = (id: string) =>
  queryOptions({ queryKey: ['channels', 'one', id], queryFn: ({ signal }) => effigy<Channel>(`/channels/${id}`, { signal }), refetchInterval: 10_000 })

export const releasesQuery = (id: string) =>
  queryOptions({
    queryKey: ['channels', 'releases', id],
    queryFn: ({ signal }) => effigy<{ releases: Release[] }>(`/channels/${id}/releases`, { signal }),
    select: (answer: { releases: Release[] }) => answer.releases,
    refetchInterval: 10_000,
  })

export const channelHistoryQuery = (id: string) =>
  queryOptions({
    queryKey: ['channels', 'history', id],
    queryFn: ({ signal }) => effigy<{ history: ChannelStep[] }>(`/channels/${id}/history`, { signal }),
    select: (answer: { history: ChannelStep[] }) => answer.history,
  })

export const olderInstancesQuery = (id: string) =>
  queryOptions({ queryKey: ['channels', 'instances', id], queryFn: ({ signal }) => effigy<Older>(`/channels/${id}/instances`, { signal }), refetchInterval: 10_000 })

interface NewRelease {
  image: string
  notes: string
  reason?: string
}

export const createChannel = (body: NewRelease & { name: string }) => effigy<Channel>('/channels', { method: 'POST', body })
/** Makes an image the current release, unless another one is current than `from`. */
export const promote = (id: string, body: NewRelease & { from?: number }) => effigy<Channel>(`/channels/${id}/actions/promote`, { method: 'POST', body })
export const rollBack = (id: string, body: { from: number; reason?: string }) => effigy<Channel>(`/channels/${id}/actions/roll-back`, { method: 'POST', body })
export const deleteChannel = (id: string) => effigy<void>(`/channels/${id}`, { method: 'DELETE' })
export const setChannelDates = (id: string, dates: Dates) => effigy<Channel>(`/channels/${id}`, { method: 'PUT', body: dates })
export const setRelease = (id: string, release: number, said: Dates & { notes: string }) => effigy<Release>(`/channels/${id}/releases/${release}`, { method: 'PUT', body: said })
