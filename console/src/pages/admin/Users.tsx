import { PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, Input, Switch, Table } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Arrival, arrivalsQuery, unlockUser } from '../../api/host'
import { type Assignment, assignmentsQuery, changeUser, createUser, deleteUser, type User, usersQuery } from '../../api/identity'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { PageHead } from '../../components/PageHead'
import { StatusMark } from '../../components/StatusBadge'
import { useFail } from '../../components/useFail'
import { useWidth } from '../../components/useWidth'
import { useSession } from '../../components/useSession'
import { FormDialog } from '../../components/FormDialog'
import { wholeTime } from '../../lib/time'

export function Users() {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const session = useSession()
  const fail = useFail()
  const queries = useQueryClient()
  const [dialog, setDialog] = useState<'create' | User>()
  const { data, error, isPending, refetch } = useQuery(usersQuery)
  const width = useWidth()
  const { data: assignments } = useQuery(assignmentsQuery)
  const held = useMemo(() => rolesByUser(assignments ?? []), [assignments])
  const { data: arrivals } = useQuery(arrivalsQuery)
  const again = () => queries.invalidateQueries({ queryKey: ['users'] })
  const remove = ({ id, name }: User) =>
    modal.confirm({
      title: t('users.delete.title', { name }),
      content: t('users.delete.what'),
      okText: t('users.delete.submit'),
      okButtonProps: { danger: true },
      onOk: () => deleteUser(id).catch((error: unknown) => fail(t('users.delete.submit'), error)).finally(again),
    })
  const unlock = (id: string) => void unlockUser(id).catch((error: unknown) => fail(t('admin.users.unlock'), error)).finally(again)
  const enable = (id: string, enabled: boolean) =>
    void changeUser(id, { enabled }).catch((error: unknown) => fail(t('nav.users'), error)).finally(again)
  return (
    <>
      <PageHead title={t('nav.users')}>
        <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setDialog('create')}>{t('users.create')}</Button>
      </PageHead>
      {error ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <div className="card admin-list">
          <Table<User>
            size="middle"
            rowKey="id"
            loading={isPending}
            dataSource={data}
            pagination={false}
            columns={[
              { title: t('column.name'), dataIndex: 'name', render: (name: string, { id, email }) => <><span className="name-cell"><Name>{name}</Name></span>{email && <div className="quiet small break">{email}</div>}<Lock of={arrivals?.[id]} name={name} onUnlock={() => unlock(id)} /></> },
              ...(width >= 768 ? [{ title: t('admin.users.projects'), key: 'projects', render: (_: unknown, { id }: User) => <Projects held={held.get(id) ?? []} isKnown={held.size > 0} /> }] : []),
              ...(width >= 992 ? [{ title: t('admin.users.lastSignIn'), key: 'arrival', width: 150, render: (_: unknown, { id }: User) => <LastSignIn of={arrivals?.[id]} /> }] : []),
              ...(width >= 1500 ? [{ title: 'ID', dataIndex: 'id', render: (id: string) => <span className="mono quiet">{id}</span> }] : []),
              {
                title: t('column.enabled'), key: 'enabled', width: 100,
                render: (_, { id, name, enabled }) => <Switch size="small" aria-label={t('enable', { name })} disabled={id === session.user.id} checked={enabled} onChange={(to) => enable(id, to)} />,
              },
              {
                title: '', key: 'do', align: 'right',
                render: (_, user) => (
                  <div className="row-acts">
                    <Button size="small" onClick={() => setDialog(user)}>{t('users.password')}</Button>
                    <Button size="small" disabled={user.id === session.user.id} onClick={() => remove(user)}>{t('users.delete.submit')}</Button>
                  </div>
                ),
              },
            ]}
          />
        </div>
      )}
      {dialog && <UserForm user={dialog === 'create' ? undefined : dialog} onClose={() => setDialog(undefined)} />}
    </>
  )
}

function LastSignIn({ of }: { of?: Arrival }) {
  const { t } = useTranslation()
  if (!of) return null
  return of.last_sign_in_at ? <Ago at={of.last_sign_in_at} /> : <span className="quiet">{t('admin.users.never')}</span>
}

/** Says that the account is locked, and opens it. */
function Lock({ of, name, onUnlock }: { of?: Arrival; name: string; onUnlock: () => void }) {
  const { t, i18n } = useTranslation()
  if (!of?.locked_until) return null
  return (
    <div className="small" title={t('admin.users.lockedHint', { until: wholeTime(of.locked_until, i18n.language) })}>
      <StatusMark mood="warn">{t('admin.users.locked', { count: of.locked_addresses })}</StatusMark>{' '}
      <Button size="small" type="link" aria-label={`${t('admin.users.unlock')}: ${name}`} onClick={onUnlock}>{t('admin.users.unlock')}</Button>
    </div>
  )
}

/** The projects of each user, with the roles in them. */
function rolesByUser(assignments: Assignment[]): Map<string, [project: string, roles: string[]][]> {
  const users = new Map<string, Map<string, string[]>>()
  for (const { user, role, scope: { project } } of assignments) {
    if (!user || !project) continue
    const of = users.get(user.id) ?? new Map<string, string[]>()
    users.set(user.id, of.set(project.name, [...(of.get(project.name) ?? []), role.name]))
  }
  return new Map([...users].map(([id, of]) => [id, [...of].sort(([a], [b]) => a.localeCompare(b))]))
}

/** So many projects are named, and the others counted. */
const NAMED = 4

function Projects({ held, isKnown }: { held: [string, string[]][]; isKnown: boolean }) {
  const { t } = useTranslation()
  if (held.length === 0) return <span className="quiet">{isKnown ? t('admin.users.none') : ''}</span>
  const more = held.length - NAMED
  return (
    <span className="break">
      {held.slice(0, NAMED).map(([project, roles], n) => <span key={project}>{n > 0 && ', '}<Name>{project}</Name> <span className="quiet">({roles.join(', ')})</span></span>)}
      {more > 0 && <span className="quiet"> {t('admin.users.more', { count: more })}</span>}
    </span>
  )
}

/** Makes a user, or gives one a new password. */
function UserForm({ user, onClose }: { user?: User; onClose: () => void }) {
  const { t } = useTranslation()
  const { min_password_chars } = useSession()
  const queries = useQueryClient()
  const save = useMutation({
    mutationFn: async (typed: { name: string; password: string }) => {
      await (user ? changeUser(user.id, { password: typed.password }) : createUser(typed))
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['users'] })
      onClose()
    },
  })
  const title = user ? t('users.passwordOf', { name: user.name }) : t('users.create')
  return (
    <FormDialog title={title} submit={user ? t('users.password') : t('users.create')} isBusy={save.isPending} error={save.error} onSubmit={(typed: { name: string; password: string }) => save.mutate(typed)} onClose={onClose} width={440}>
        {!user && (
          <Form.Item name="name" label={t('signIn.user')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}>
            <Input autoFocus autoComplete="off" />
          </Form.Item>
        )}
        <Form.Item name="password" label={t('signIn.password')} extra={t('form.newPassword', { least: min_password_chars })} rules={[{ required: true, message: t('form.required') }]}>
          <Input.Password autoComplete="new-password" />
        </Form.Item>
    </FormDialog>
  )
}
