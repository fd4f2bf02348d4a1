import { queryOptions } from '@tanstack/react-query'
import { effigy } from './http'

export interface AuditEvent {
  id: string
  time: string
  request_id: string
  user_name: string | null
  project_name: string | null
  address: string | null
  action: string
  target_id: string | null
  outcome: string
  reason: string | null
  /** How often: refused sign-ins of one hour are counted on their first. */
  times: number
}

export const auditQuery = (wanted: { action: string; after: string; limit: number }) =>
  queryOptions({
    queryKey: ['audit', wanted],
    queryFn: ({ signal }) => {
      const words = new URLSearchParams({ limit: String(wanted.limit) })
      if (wanted.action) words.set('action', wanted.action)
      if (wanted.after) words.set('marker', wanted.after)
      return effigy<{ events: AuditEvent[] }>(`/audit?${words}`, { signal })
    },
    select: (answer: { events: AuditEvent[] }) => answer.events,
  })
