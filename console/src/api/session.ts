import { queryOptions } from '@tanstack/react-query'
import { ApiError } from './errors'
import { ask, workIn } from './http'

export interface Project {
  id: string
  name: string
}

export interface Session {
  user: { id: string; name: string; domain: string }
  project: Project | null
  projects: Project[]
  roles: string[]
  is_admin: boolean
  expires_at: string
  sharing: 'own-projects' | 'any' | 'off'
  /** Whether the deployment runs instances; without, it has no pages of them. */
  runs_instances: boolean
  /** Whether these are of the cloud's own Compute service, which has less than Effigy's. */
  of_cloud: boolean
  /** Whether the users and projects are a Keystone's, where they are kept. */
  keystone: boolean
  /** The fewest characters of a new password. */
  min_password_chars: number
  /** Whether cleaned copies of images can be made. */
  cleans: boolean
  /** How many stores the deployment has. */
  stores: number
  version: string
}

export type SignIn = { project?: string } & ({ user: string; password: string; domain?: string } | { credential: string; secret: string })

/** The tab works in the session's project from here on. */
function entered(session: Session): Session {
  workIn(session.project?.id)
  return session
}

/** The session in the project that the address names; in the one worked in last when there is none of that project yet. */
async function current(signal: AbortSignal): Promise<Session> {
  const project = new URLSearchParams(location.search).get('project')
  const show = (project: string | null) => ask<Session>('/session', { signal, project, isSignIn: true })
  if (!project) return show(null)
  try {
    return await show(project)
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return show(null)
    throw error
  }
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => entered(await current(signal)),
  staleTime: Infinity,
  retry: false,
})

export const signIn = async (body: SignIn) => entered(await ask<Session>('/session', { method: 'POST', body, isSignIn: true }))
/** Brings the session into a further project, and the tab with it. */
export const enterProject = async (project: string) => entered(await ask<Session>('/session', { method: 'PUT', body: { project } }))
export const signOut = () => ask<void>('/session', { method: 'DELETE', isSignIn: true })
