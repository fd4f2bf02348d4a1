import { useQuery } from '@tanstack/react-query'
import { useCallback } from 'react'
import { projectsQuery } from '../api/identity'

/** The names of all projects by their ids, for an administrator's lists; nothing for one whose record is gone. */
export function useOwnerNames(isAsked: boolean) {
  const { data } = useQuery({ ...projectsQuery, enabled: isAsked, staleTime: 30_000 })
  return useCallback((id: string): string | undefined => data?.find((project) => project.id === id)?.name, [data])
}
