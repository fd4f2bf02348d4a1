import { useTranslation } from 'react-i18next'
import { Outlet } from 'react-router'
import { NotFound } from './NotFound'
import { useSession } from './useSession'

/** The pages of instances; a deployment that runs none says so in their place. */
export function OfInstances() {
  const { t } = useTranslation()
  return useSession().runs_instances ? <Outlet /> : <NotFound title={t('reason.noInstances')} />
}
