import { queryOptions } from '@tanstack/react-query'
import { ask } from './http'

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
  /** How many stores the deployment has. */
  stores: number
  version: string
}

export interface SignIn {
  user: string
  password: string
  domain?: string
  project?: string
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => ask<Session>('/session', { signal, isSignIn: true }),
  staleTime: Infinity,
  retry: false,
})

export const signIn = (body: SignIn) => ask<Session>('/session', { method: 'POST', body, isSignIn: true })
export const rescope = (project: string) => ask<Session>('/session', { method: 'PUT', body: { project } })
export const signOut = () => ask<void>('/session', { method: 'DELETE', isSignIn: true })
