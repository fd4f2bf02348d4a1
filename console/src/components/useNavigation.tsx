import { ApiOutlined, AppstoreOutlined, AuditOutlined, BranchesOutlined, CloudServerOutlined, DashboardOutlined, HddOutlined, HomeOutlined, KeyOutlined, ProjectOutlined, TeamOutlined } from '@ant-design/icons'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { paths } from '../paths'
import { useSession } from './useSession'

export interface Place {
  to: string
  icon: ReactNode
  label: string
}

/** The pages that the person can go to: those of the project, of administration, and those that no list leads to. */
export function useNavigation(): { project: Place[]; administration: Place[]; others: Place[] } {
  const { t } = useTranslation()
  const { runs_instances: runs, is_admin: isAdmin, keystone } = useSession()
  const places = (of: (Place | false)[]) => of.filter((one) => one !== false)
  return {
    project: places([
      { to: paths.home, icon: <HomeOutlined />, label: t('nav.home') },
      runs && { to: paths.instances, icon: <CloudServerOutlined />, label: t('nav.instances') },
      { to: paths.images, icon: <HddOutlined />, label: t('nav.images') },
      { to: paths.channels, icon: <BranchesOutlined />, label: t('channel.title') },
      runs && { to: paths.keyPairs, icon: <KeyOutlined />, label: t('nav.keyPairs') },
    ]),
    administration: isAdmin ? places([
      { to: paths.host, icon: <DashboardOutlined />, label: t('admin.host.title') },
      runs && { to: paths.flavors, icon: <AppstoreOutlined />, label: t('nav.flavors') },
      !keystone && { to: paths.projects, icon: <ProjectOutlined />, label: t('nav.projects') },
      !keystone && { to: paths.users, icon: <TeamOutlined />, label: t('nav.users') },
      { to: paths.audit, icon: <AuditOutlined />, label: t('nav.audit') },
    ]) : [],
    others: places([
      runs && { to: paths.launch, icon: <CloudServerOutlined />, label: t('instances.launch') },
      { to: paths.upload, icon: <HddOutlined />, label: t('upload.title') },
      { to: paths.activity, icon: <HomeOutlined />, label: t('activity.title') },
      { to: paths.apiAccess, icon: <ApiOutlined />, label: t('access.title') },
      isAdmin && runs && { to: paths.allInstances, icon: <CloudServerOutlined />, label: `${t('nav.instances')}: ${t('admin.scope.all')}` },
      isAdmin && { to: paths.allImages, icon: <HddOutlined />, label: `${t('nav.images')}: ${t('admin.scope.all')}` },
    ]),
  }
}
