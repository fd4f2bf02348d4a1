import { queryOptions } from '@tanstack/react-query'
import { ask } from './http'

export interface ProjectRecord {
  id: string
  name: string
  description: string
  enabled: boolean
}

export interface User {
  id: string
  name: string
  enabled: boolean
  default_project_id?: string | null
  email?: string | null
}

export interface Role {
  id: string
  name: string
}

export interface Assignment {
  role: Role
  user?: Role
  scope: { project?: Role }
}

const v3 = '/identity/v3'

export const projectsQuery = queryOptions({
  queryKey: ['projects'],
  queryFn: ({ signal }) => ask<{ projects: ProjectRecord[] }>(`${v3}/projects`, { signal }),
  select: (answer: { projects: ProjectRecord[] }) => answer.projects,
})
export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: ({ signal }) => ask<{ users: User[] }>(`${v3}/users`, { signal }),
  select: (answer: { users: User[] }) => answer.users,
})
export const rolesQuery = queryOptions({
  queryKey: ['roles'],
  queryFn: ({ signal }) => ask<{ roles: Role[] }>(`${v3}/roles`, { signal }),
  select: (answer: { roles: Role[] }) => answer.roles,
  staleTime: 60_000,
})
export const assignmentsQuery = queryOptions({
  queryKey: ['assignments'],
  queryFn: ({ signal }) =>
    ask<{ role_assignments: Assignment[] }>(`${v3}/role_assignments?include_names=True`, { signal }),
  select: (answer: { role_assignments: Assignment[] }) => answer.role_assignments,
})

export const createProject = (project: { name: string; description?: string }) =>
  ask<void>(`${v3}/projects`, { method: 'POST', body: { project } })
export const changeProject = (id: string, project: Partial<ProjectRecord>) =>
  ask<void>(`${v3}/projects/${id}`, { method: 'PATCH', body: { project } })
export const deleteProject = (id: string) => ask<void>(`${v3}/projects/${id}`, { method: 'DELETE' })
export const createUser = (user: { name: string; password: string; default_project_id?: string }) =>
  ask<{ user: User }>(`${v3}/users`, { method: 'POST', body: { user } })
export const changeUser = (id: string, user: { enabled?: boolean; password?: string }) =>
  ask<void>(`${v3}/users/${id}`, { method: 'PATCH', body: { user } })
export const deleteUser = (id: string) => ask<void>(`${v3}/users/${id}`, { method: 'DELETE' })
export const grant = (project: string, user: string, role: string) =>
  ask<void>(`${v3}/projects/${project}/users/${user}/roles/${role}`, { method: 'PUT' })
export const revoke = (project: string, user: string, role: string) =>
  ask<void>(`${v3}/projects/${project}/users/${user}/roles/${role}`, { method: 'DELETE' })
