import { useTranslation } from 'react-i18next'
import { Navigate, Outlet } from 'react-router'
import { paths } from '../paths'
import { NotFound } from './NotFound'
import { useSession } from './useSession'

/** The pages of instances; a deployment that runs none says so in their place. */
export function OfInstances() {
  const { t } = useTranslation()
  return useSession().runs_instances ? <Outlet /> : <NotFound title={t('reason.noInstances')} />
}

/** The first page that the deployment has. */
export function Home() {
  return <Navigate to={useSession().runs_instances ? paths.instances : paths.images} replace />
}
