// The Identity API, as a person uses it for programs of their own.
import { queryOptions } from '@tanstack/react-query'
import { ask, effigy } from './http'

interface Endpoint {
  interface: string
  url: string
  region_id: string | null
}

export interface CatalogEntry {
  id: string
  name: string
  type: string
  endpoints: Endpoint[]
}

/** The services of the deployment, and where they are. */
export const catalogQuery = queryOptions({
  queryKey: ['catalog'],
  queryFn: ({ signal }) => ask<{ catalog: CatalogEntry[] }>('/identity/v3/auth/catalog', { signal }),
  select: (answer: { catalog: CatalogEntry[] }) => answer.catalog,
  staleTime: Infinity,
})

/** A request that a credential may make; `*` is a part of a path, `**` the rest of it. */
export interface AccessRule {
  service: string
  method: string
  path: string
}

export interface Credential {
  id: string
  name: string
  description: string | null
  project_id: string
  roles: { id: string; name: string }[]
  expires_at: string | null
  /** The only requests that it may make; all of them without such a list. */
  access_rules?: AccessRule[] | null
}

const credentialsOf = (user: string) => `/identity/v3/users/${user}/application_credentials`

/** The application credentials of a user, in every project. */
export const credentialsQuery = (user: string) =>
  queryOptions({
    queryKey: ['credentials', user],
    queryFn: ({ signal }) => ask<{ application_credentials: Credential[] }>(credentialsOf(user), { signal }),
    select: (answer: { application_credentials: Credential[] }) => answer.application_credentials,
  })

export interface NewCredential {
  name: string
  description?: string
  roles?: { name: string }[]
  expires_at?: string
  access_rules?: AccessRule[]
}

/** Makes one in the tab's project; the secret is in this answer alone. */
export const createCredential = async (user: string, application_credential: NewCredential) => {
  const answer = await ask<{ application_credential: Credential & { secret: string } }>(credentialsOf(user), { method: 'POST', body: { application_credential } })
  return answer.application_credential
}

export const deleteCredential = (user: string, id: string) => ask<void>(`${credentialsOf(user)}/${id}`, { method: 'DELETE' })

/** All tokens of the user end with the old password. A refusal speaks of that password, and not of the session. */
export const changePassword = (user: string, original_password: string, password: string) =>
  ask<void>(`/identity/v3/users/${user}/password`, { method: 'POST', body: { user: { original_password, password } }, isSignIn: true })

/** A sign-in of the person that lives, wherever it was made. */
export interface OwnSession {
  id: string
  is_this: boolean
  began_at: string
  expires_at: string
  address: string | null
  projects: string[]
}

/** The sessions of the person. */
export const ownSessionsQuery = queryOptions({
  queryKey: ['own-sessions'],
  queryFn: ({ signal }) => effigy<{ sessions: OwnSession[] }>('/sessions', { signal }),
  select: (answer: { sessions: OwnSession[] }) => answer.sessions,
})

export const endSession = (id: string) => effigy<void>(`/sessions/${id}`, { method: 'DELETE' })
export const endOtherSessions = () => effigy<void>('/sessions', { method: 'DELETE' })
