import { ApiOutlined, LogoutOutlined, UserOutlined } from '@ant-design/icons'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Badge, Layout, Menu, Modal, Spin } from 'antd'
import { Suspense, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, Navigate, Outlet, useLocation, useNavigate } from 'react-router'
import { ApiError } from '../api/errors'
import { onSessionEnded } from '../api/http'
import { type Session, sessionQuery, signOut } from '../api/session'
import { PAGES, paths, signInFor } from '../paths'
import { ActivityButton } from './ActivityButton'
import { ConnectionBar } from './ConnectionBar'
import { Failure } from './Failure'
import { MenuButton } from './MenuButton'
import { PaletteButton } from './PaletteButton'
import { LanguageButton, ModeButton } from './Preferences'
import { ProjectPicker } from './ProjectPicker'
import { LAST_PROJECT, SignInForm } from './SignInForm'
import { listenToOtherTabs, tellOtherTabs } from './tabs'
import { useActivity, useFreshProject } from './useActivity'
import { useConnectionLost } from './useConnection'
import { type Place, useNavigation } from './useNavigation'
import { useOutcomes } from './useOutcomes'
import { useProject } from './useProject'

/** The frame around every page; nothing of it is shown before somebody has signed in. */
export function Shell() {
  const location = useLocation()
  const session = useQuery(sessionQuery)
  if (session.data) return <Frame session={session.data} />
  if (session.error instanceof ApiError && session.error.status === 401) {
    return <Navigate to={signInFor(location.pathname + location.search)} replace />
  }
  if (session.error) return <main className="sign-in"><Failure error={session.error} retry={() => void session.refetch()} /></main>
  return <main className="sign-in" aria-busy><Spin size="large" /></main>
}

function Frame({ session }: { session: Session }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const isMoving = useProject(session)
  const isLost = useConnectionLost() !== null
  useFreshProject()
  useOutcomes(session.project?.id)
  useEffect(() => {
    if (session.project) localStorage.setItem(LAST_PROJECT, session.project.id)
  }, [session.project])
  useEffect(() => listenToOtherTabs(() => void queries.resetQueries()), [queries])
  return (
    <Layout className={isLost ? 'shell lost' : 'shell'}>
      <a className="skip" href="#main">{t('nav.skip')}</a>
      <Layout.Header className="shell-header">
        <Link className="shell-brand" to={paths.home}>
          <img src="/favicon.svg" alt="" /> <span>Effigy</span>
        </Link>
        <ProjectPicker session={session} isMoving={isMoving} />
        <span style={{ flex: 1 }} />
        <PaletteButton />
        <ActivityButton />
        <LanguageButton />
        <ModeButton />
        <AccountButton session={session} />
      </Layout.Header>
      <ConnectionBar />
      <Layout hasSider>
        <Layout.Sider className="shell-sider" width={208} breakpoint="lg" collapsedWidth={56} theme="light">
          <Navigation />
        </Layout.Sider>
        <Layout.Content className="shell-main" id="main" tabIndex={-1}>
          {isMoving ? <Spin /> : (
            <Suspense fallback={<Spin />}>
              <Outlet key={session.project?.id} />
            </Suspense>
          )}
        </Layout.Content>
      </Layout>
      <SessionEnded session={session} />
    </Layout>
  )
}

function Navigation() {
  const { t } = useTranslation()
  const { pathname } = useLocation()
  const { project, administration } = useNavigation()
  const selected = pathname === PAGES.launch ? PAGES.instances : `/${pathname.split('/')[1] ?? ''}`
  const { offers } = useActivity()
  const waiting = offers > 0 && <><Badge count={offers} size="small" color="var(--ant-color-primary)" className="nav-count" aria-hidden /><span className="unseen">{t('offer.count', { count: offers })}</span></>
  const entry = ({ to, icon, label }: Place) => {
    const path = to.split('?')[0] ?? to
    return { key: path, icon, label: <Link to={to} aria-current={path === selected ? 'page' : undefined}>{label}{path === PAGES.images && waiting}</Link> }
  }
  const items = [...project.map(entry), ...(administration.length > 0 ? [{ type: 'divider' as const }, ...administration.map(entry)] : [])]
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
    void navigate(PAGES.signIn)
  }
  const items = [
    { key: 'who', label: <span>{session.user.name} <span className="quiet">{session.user.domain}</span></span>, disabled: true },
    { key: 'version', label: <span>Effigy {session.version}</span>, disabled: true },
    { type: 'divider' as const },
    { key: 'access', icon: <ApiOutlined />, label: t('access.title') },
    { key: 'leave', icon: <LogoutOutlined />, label: t('account.signOut') },
  ]
  return (
    <MenuButton type="text" icon={<UserOutlined />} aria-label={`${t('account.label')}: ${session.user.name}`} items={items} onPick={(key) => (key === 'access' ? void navigate(paths.apiAccess) : void leave())}>
      <span className="account-name">{session.user.name}</span>
    </MenuButton>
  )
}

/** A session that was refused is looked for again once in so many milliseconds. */
const ONCE_IN = 5000

/** Asks to sign in again over whatever was open, so that nothing that was typed is lost. */
function SessionEnded({ session }: { session: Session }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [isEnded, setEnded] = useState(false)
  useEffect(() => {
    // Only this tab's project may have lost its cookie, by a sign-in in another tab: the session then leads into it again.
    let triedAt = 0
    return onSessionEnded(() => {
      if (Date.now() - triedAt < ONCE_IN) return
      triedAt = Date.now()
      queries
        .fetchQuery({ ...sessionQuery, staleTime: 0 })
        .then((fresh) => (fresh.user.id === session.user.id ? queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' }) : location.reload()))
        .catch(() => setEnded(true))
    })
  }, [queries, session.user.id])
  // A page may have signed in again by itself, as the one that changes the password does.
  useEffect(() => setEnded(false), [session])
  const continued = (fresh: Session) => {
    setEnded(false)
    queries.setQueryData(sessionQuery.queryKey, fresh)
    void queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'session' })
  }
  return (
    <Modal open={isEnded} title={t('signIn.ended')} footer={null} closable={false} mask={{ closable: false }} keyboard={false} width={380} destroyOnHidden>
      <p className="quiet" style={{ marginTop: 0 }}>{t('signIn.endedWhat')}</p>
      <SignInForm user={session.user.name} project={session.project?.id} onDone={continued} />
    </Modal>
  )
}
