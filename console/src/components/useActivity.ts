import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useLocation } from 'react-router'
import { onChange } from '../api/http'
import { type Activity, activityQuery, PROJECT } from '../api/project'
import { PAGES } from '../paths'
import { useUploads } from './Uploads'

export interface Doing extends Activity {
  /** This browser's upload of it. */
  upload?: { sent: number; size: number; cancel: () => void }
}

/** The pages that show all of it; any other shows how many things are under way, and asks for no more. */
const WHOLE: string[] = [PAGES.home, PAGES.activity]

/** The things under way in this project, this browser's uploads among them; on the pages that show it, also what ended. */
export function useActivity(): { underWay: Doing[]; ended: Activity[]; offers: number; isPending: boolean; error: unknown } {
  const { uploads } = useUploads()
  const isWhole = WHOLE.includes(useLocation().pathname)
  const { data, isPending, error } = useQuery({ ...activityQuery(isWhole ? 'whole' : 'under-way'), retry: false })
  const all = data?.activity ?? []
  const sending = uploads.map((upload): Doing => {
    const { id, name, sent, size, begunAt: begun_at } = upload
    const progress = size ? Math.floor((sent / size) * 100) : null
    return { thing: 'image', id, name, action: 'upload', state: 'under_way', progress, message: null, begun_at, ended_at: null, is_there: true, upload }
  })
  const others = all.filter(({ id, state }) => state === 'under_way' && !uploads.some((upload) => upload.id === id))
  return { underWay: [...sending, ...others], ended: all.filter(({ state }) => state !== 'under_way'), offers: data?.offers ?? 0, isPending, error: data ? null : error }
}

/** Any change of this tab may change what is said of the project as a whole: it is asked anew. */
export function useFreshProject() {
  const queries = useQueryClient()
  useEffect(() => onChange(() => void queries.invalidateQueries({ queryKey: [PROJECT] })), [queries])
}
