import {
  AppstoreOutlined, AuditOutlined, CloudServerOutlined, HddOutlined, KeyOutlined, LogoutOutlined, ProjectOutlined, TeamOutlined,
  UserOutlined,
} from '@ant-design/icons'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, Dropdown, Layout, Menu, Modal, Spin } from 'antd'
import { Suspense, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, Navigate, Outlet, useLocation, useNavigate } from 'react-router'
import { ApiError } from '../api/errors'
import { onSessionEnded } from '../api/http'
import { type Session, sessionQuery, signOut } from '../api/session'
import { paths } from '../paths'
import { ActivityButton } from './ActivityButton'
import { Failure } from './Failure'
import { LanguageButton, ModeButton } from './Preferences'
import { ProjectPicker } from './ProjectPicker'
import { LAST_PROJECT, SignInForm } from './SignInForm'
import { listenToOtherTabs, tellOtherTabs } from './tabs'

/** The frame around every page; nothing of it is shown before somebody has signed in. */
export function Shell() {
  const location = useLocation()
  const session = useQuery(sessionQuery)
  if (session.data) return <Frame session={session.data} />
  if (session.error instanceof ApiError && session.error.status === 401) {
    const next = location.pathname === '/' ? '' : `?next=${encodeURIComponent(location.pathname + location.search)}`
    return <Navigate to={paths.signIn + next} replace />
  }
  if (session.error) return <main className="sign-in"><Failure error={session.error} retry={() => void session.refetch()} /></main>
  return <main className="sign-in" aria-busy><Spin size="large" /></main>
}

function Frame({ session }: { session: Session }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  useEffect(() => {
    if (session.project) localStorage.setItem(LAST_PROJECT, session.project.id)
  }, [session.project])
  useEffect(() => listenToOtherTabs(() => void queries.resetQueries()), [queries])
  return (
    <Layout className="shell">
      <a className="skip" href="#main">{t('nav.skip')}</a>
      <Layout.Header className="shell-header">
        <Link className="shell-brand" to={paths.home}>
          <img src="/favicon.svg" alt="" /> Effigy
        </Link>
        <ProjectPicker session={session} />
        <span style={{ flex: 1 }} />
        <ActivityButton />
        <LanguageButton />
        <ModeButton />
        <AccountButton session={session} />
      </Layout.Header>
      <Layout hasSider>
        <Layout.Sider className="shell-sider" width={208} breakpoint="lg" collapsedWidth={56} theme="light">
          <Navigation session={session} />
        </Layout.Sider>
        <Layout.Content className="shell-main" id="main" tabIndex={-1}>
          <Suspense fallback={<Spin />}>
            <Outlet key={session.project?.id} />
          </Suspense>
        </Layout.Content>
      </Layout>
      <SessionEnded session={session} />
    </Layout>
  )
}

function Navigation({ session }: { session: Session }) {
  const { t } = useTranslation()
  const { pathname } = useLocation()
  const entry = (key: string, icon: React.ReactNode, label: string) => ({ key, icon, label: <Link to={key}>{label}</Link> })
  const ofInstances = (one: ReturnType<typeof entry>) => (session.runs_instances ? [one] : [])
  const items = [
    ...ofInstances(entry(paths.instances, <CloudServerOutlined />, t('nav.instances'))),
    entry(paths.images, <HddOutlined />, t('nav.images')),
    ...ofInstances(entry(paths.keyPairs, <KeyOutlined />, t('nav.keyPairs'))),
    ...(session.is_admin
      ? [
          { type: 'divider' as const },
          ...ofInstances(entry(paths.flavors, <AppstoreOutlined />, t('nav.flavors'))),
          entry(paths.projects, <ProjectOutlined />, t('nav.projects')),
          entry(paths.users, <TeamOutlined />, t('nav.users')),
          entry(paths.audit, <AuditOutlined />, t('nav.audit')),
        ]
      : []),
  ]
  const selected = pathname === paths.launch ? paths.instances : `/${pathname.split('/')[1] ?? ''}`
  return (
    <nav aria-label={t('nav.label')}>
      <Menu mode="inline" items={items} selectedKeys={[selected]} />
    </nav>
  )
}

function AccountButton({ session }: { session: Session }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const leave = async () => {
    await signOut().catch(() => undefined)
    tellOtherTabs()
    queries.clear()
    void navigate(paths.signIn)
  }
  const items = [
    { key: 'who', label: <span>{session.user.name} <span className="quiet">{session.user.domain}</span></span>, disabled: true },
    { key: 'version', label: <span>Effigy {session.version}</span>, disabled: true },
    { type: 'divider' as const },
    { key: 'leave', icon: <LogoutOutlined />, label: t('account.signOut') },
  ]
  const onClick = ({ key }: { key: string }) => {
    if (key === 'leave') void leave()
  }
  return (
    <Dropdown trigger={['click']} autoFocus destroyOnHidden menu={{ items, onClick }}>
      <Button type="text" icon={<UserOutlined />} aria-label={`${t('account.label')}: ${session.user.name}`}>{session.user.name}</Button>
    </Dropdown>
  )
}

/** Asks to sign in again over whatever was open, so that nothing that was typed is lost. */
function SessionEnded({ session }: { session: Session }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [isEnded, setEnded] = useState(false)
  useEffect(() => onSessionEnded(() => setEnded(true)), [])
  const continued = (fresh: Session) => {
    setEnded(false)
    queries.setQueryData(sessionQuery.queryKey, fresh)
    void queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'session' })
  }
  return (
    <Modal open={isEnded} title={t('signIn.ended')} footer={null} closable={false} mask={{ closable: false }} keyboard={false} width={380} destroyOnHidden>
      <p className="quiet" style={{ marginTop: 0 }}>{t('signIn.endedWhat')}</p>
      <SignInForm user={session.user.name} onDone={continued} />
    </Modal>
  )
}
