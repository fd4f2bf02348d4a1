// The usage, the activity and the sharing of the tab's project.
import { queryOptions } from '@tanstack/react-query'
import { effigy } from './http'

interface Used {
  used: number
  limit: number
}

export interface Usage {
  images: Used
  image_bytes: Used
  uploads: Used
  staged_bytes: Used
  /** These are null where no instances are run. */
  instances: Used | null
  vcpus: Used | null
  memory_mib: Used | null
  disk_gib: Used | null
}

/** All of these begin with one word: any change that this tab makes may change them. */
export const PROJECT = 'project'

export const usageQuery = queryOptions({
  queryKey: [PROJECT, 'usage'],
  queryFn: ({ signal }) => effigy<{ usage: Usage }>('/usage', { signal }),
  select: (answer: { usage: Usage }) => answer.usage,
  refetchInterval: 30_000,
})

export interface Activity {
  thing: 'image' | 'instance'
  id: string
  name: string | null
  action: string
  state: 'under_way' | 'done' | 'failed'
  progress: number | null
  message: string | null
  begun_at: string
  ended_at: string | null
  is_there: boolean
}

interface ActivityAnswer {
  activity: Activity[]
  offers: number
}

/** The things under way in the project; whole, also those that ended within a day. */
export const activityQuery = (part: 'whole' | 'under-way') =>
  queryOptions({
    queryKey: [PROJECT, 'activity', part],
    queryFn: ({ signal }) => effigy<ActivityAnswer>(`/activity${part === 'whole' ? '' : '?under_way=true'}`, { signal }),
    refetchInterval: ({ state: { data } }) => (data?.activity.some(({ state }) => state === 'under_way') ? 2000 : 30_000),
  })

export interface Rejected {
  id: string
  name: string | null
  owner: string
  rejected_at: string
}

interface Sharing {
  projects: { id: string; name: string }[]
  rejected: Rejected[]
}

/** The names of the projects that this one shares with, and the images that it rejected. */
export const sharingQuery = queryOptions({
  queryKey: [PROJECT, 'sharing'],
  queryFn: ({ signal }) => effigy<Sharing>('/sharing', { signal }),
  staleTime: 10_000,
})
