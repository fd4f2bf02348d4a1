import { Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { useLocation, useNavigate } from 'react-router'
import type { Session } from '../api/session'

/** The project that this tab works in; choosing another leads to its page, and the session follows (useProject). */
export function ProjectPicker({ session, isMoving }: { session: Session; isMoving: boolean }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { pathname } = useLocation()
  const go = (project: string) => {
    // A thing of this project is not there: show the list it was in.
    const pathOfList = `/${pathname.split('/')[1] ?? ''}`
    void navigate({ pathname: pathOfList, search: new URLSearchParams({ project }).toString() })
  }
  return (
    <Select
      aria-label={t('project.label')}
      className="project-picker"
      value={session.project?.id}
      placeholder={t('project.none')}
      loading={isMoving}
      disabled={isMoving}
      showSearch={{ optionFilterProp: 'label' }}
      onChange={go}
      options={session.projects.map(({ id, name }) => ({ value: id, label: name }))}
    />
  )
}
