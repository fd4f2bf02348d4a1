import { queryOptions } from '@tanstack/react-query'
import { effigy } from './http'

export interface AuditEvent {
  id: string
  time: string
  request_id: string
  client_request_id: string | null
  user_id: string | null
  user_name: string | null
  project_id: string | null
  project_name: string | null
  address: string | null
  action: string
  target_id: string | null
  /** The same with names in the place of the ids, of what is there still. */
  target_name: string | null
  outcome: 'success' | 'failure'
  status: number
  reason: string | null
  /** How often: refused sign-ins of one hour are counted on their first. */
  times: number
}

/** The conditions of the list; each that is not empty must hold. */
export interface AuditFilters {
  action?: string
  user_name?: string
  project_name?: string
  target_id?: string
  request_id?: string
  outcome?: string
  /** Times in the form of ISO 8601. */
  since?: string
  until?: string
}

function page(filters: AuditFilters, limit: number, after: string, signal?: AbortSignal) {
  const words = Object.entries({ ...filters, limit: String(limit), marker: after }).filter(([, value]) => value)
  return effigy<{ events: AuditEvent[] }>(`/audit?${new URLSearchParams(words)}`, { signal })
}

export const auditQuery = (filters: AuditFilters, limit: number, after: string) =>
  queryOptions({
    queryKey: ['audit', filters, after],
    queryFn: ({ signal }) => page(filters, limit, after, signal),
    select: (answer: { events: AuditEvent[] }) => answer.events,
  })

/** Events on a page of those that are saved. */
const AT_ONCE = 1000

/** The events, page by page; `most` at most. */
export async function allEvents(filters: AuditFilters, most: number): Promise<AuditEvent[]> {
  const all: AuditEvent[] = []
  for (;;) {
    const { events } = await page(filters, AT_ONCE, all.at(-1)?.id ?? '')
    all.push(...events)
    if (events.length < AT_ONCE || all.length >= most) return all.slice(0, most)
  }
}
