import { useTranslation } from 'react-i18next'
import { Outlet } from 'react-router'
import { NotFound } from './NotFound'
import { useSession } from './useSession'

/** The pages of projects and users; where a Keystone keeps them, that is said in their place. */
export function OfPeople() {
  const { t } = useTranslation()
  return useSession().keystone ? <NotFound title={t('reason.inKeystone')} /> : <Outlet />
}
