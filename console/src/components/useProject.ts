import { useMutation, useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'
import { askAgain } from '../api/errors'
import { enterProject, type Session, sessionQuery } from '../api/session'
import { useFail } from './useFail'

/**
 * Keeps the tab in the project that its address names: one road, whoever changed the address (the picker, a link that
 * was sent, *Back*). An address that names none gets the session's. Whether the tab is on its way to another.
 */
export function useProject(session: Session): boolean {
  const { t } = useTranslation()
  const { message } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const [words, setWords] = useSearchParams()
  const wanted = words.get('project')
  const current = session.project?.id ?? null
  const isMine = session.projects.some(({ id }) => id === wanted)
  const { mutate: enter } = useMutation({
    mutationFn: enterProject,
    // Entering twice does no harm, and a network that changes under the browser fails whatever is under way.
    retry: askAgain,
    onSuccess: (fresh) => {
      // The data that was loaded is another project's.
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' })
      queries.setQueryData(sessionQuery.queryKey, fresh)
    },
    onError: (error) => {
      fail(t('project.failed'), error)
      stay()
    },
  })
  const stay = () =>
    setWords(
      (was) => {
        const next = new URLSearchParams(was)
        if (current === null) next.delete('project')
        else next.set('project', current)
        return next
      },
      { replace: true },
    )
  const isMoving = wanted !== null && wanted !== current && isMine
  useEffect(() => {
    if (wanted === current) return
    if (wanted !== null && isMine) return enter(wanted)
    if (wanted !== null) void message.warning(t('project.notYours'), 8)
    stay()
    // The two that are compared, and nothing else, decide.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [wanted, current])
  return isMoving
}
