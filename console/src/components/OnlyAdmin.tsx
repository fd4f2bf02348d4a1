import { useTranslation } from 'react-i18next'
import { Outlet } from 'react-router'
import { NotFound } from './NotFound'
import { useSession } from './useSession'

/** The pages of administration; anybody else is told so in their place. */
export function OnlyAdmin() {
  const { t } = useTranslation()
  return useSession().is_admin ? <Outlet /> : <NotFound title={t('reason.adminOnly')} />
}
