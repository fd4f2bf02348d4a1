import { useQuery } from '@tanstack/react-query'
import { useCallback } from 'react'
import { sharingQuery } from '../api/project'
import { useSession } from './useSession'

/** Names of projects by their ids: the person's own, and those that share with this one; of any other the service tells none. */
export function useProjectNames(isAsked: boolean) {
  const session = useSession()
  const { data } = useQuery({ ...sharingQuery, enabled: isAsked && session.sharing !== 'off' })
  return useCallback(
    (id: string): string | undefined => [...session.projects, ...(data?.projects ?? [])].find((project) => project.id === id)?.name,
    [session.projects, data],
  )
}
