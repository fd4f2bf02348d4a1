import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { useLocation, useNavigate } from 'react-router'
import { rescope, type Session, sessionQuery } from '../api/session'
import { tellOtherTabs } from './tabs'
import { useFail } from './useFail'

/** Where the session works; choosing another moves the session there. */
export function ProjectPicker({ session }: { session: Session }) {
  const { t } = useTranslation()
  const fail = useFail()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { pathname } = useLocation()
  const moved = useMutation({
    mutationFn: rescope,
    onSuccess: (fresh) => {
      // The data that was loaded is another project's.
      queries.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' })
      queries.setQueryData(sessionQuery.queryKey, fresh)
      tellOtherTabs()
      // A thing of the other project is not here: show the list it was in.
      const parts = pathname.split('/')
      if (parts.length > 2) void navigate(`/${parts[1]}`)
    },
    onError: (error) => fail(t('project.failed'), error),
  })
  return (
    <Select
      aria-label={t('project.label')}
      style={{ width: 200 }}
      value={session.project?.id}
      placeholder={t('project.none')}
      loading={moved.isPending}
      disabled={moved.isPending}
      showSearch={{ optionFilterProp: 'label' }}
      onChange={(id) => moved.mutate(id)}
      options={session.projects.map(({ id, name }) => ({ value: id, label: name }))}
    />
  )
}
