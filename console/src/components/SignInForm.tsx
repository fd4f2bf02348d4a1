import { useMutation } from '@tanstack/react-query'
import { Alert, Button, Form, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../api/errors'
import { type Session, signIn } from '../api/session'
import { useErrorText } from './useFail'

export const LAST_PROJECT = 'effigy.project'

interface Typed {
  user: string
  password: string
  domain: string
  credential: string
  secret: string
}

/** The proof that a person brings. */
type Way = 'password' | 'otherDomain' | 'credential'

/** The fields of signing in. `user` is fixed when a session is continued. Without a project it is the last one. */
export function SignInForm({ user, project, onDone }: { user?: string; project?: string; onDone: (session: Session) => void }) {
  const { t } = useTranslation()
  const text = useErrorText()
  const [way, setWay] = useState<Way>('password')
  const asked = useMutation({
    mutationFn: ({ credential, secret, ...person }: Typed) =>
      signIn({ ...(way === 'credential' ? { credential, secret } : person), project: project ?? localStorage.getItem(LAST_PROJECT) ?? undefined }),
    onSuccess: onDone,
  })
  const failed = asked.error
  const what = failed instanceof ApiError && failed.status === 401 ? t(way === 'credential' ? 'signIn.refusedCredential' : 'signIn.refused') : failed && text(failed).what
  return (
    <Form<Typed> layout="vertical" requiredMark={false} initialValues={{ user, domain: 'Default' }} onFinish={(typed) => asked.mutate({ ...typed, user: user ?? typed.user })}>
      {what && <Alert type="error" showIcon role="alert" title={what} style={{ marginBottom: 14 }} />}
      {way === 'credential' ? (
        <>
          <Form.Item name="credential" label={t('signIn.credential')} rules={[{ required: true, message: t('form.required') }]}>
            <Input autoComplete="off" autoFocus className="mono" />
          </Form.Item>
          <Form.Item name="secret" label={t('access.secret')} rules={[{ required: true, message: t('form.required') }]}>
            <Input type="password" autoComplete="off" />
          </Form.Item>
        </>
      ) : (
        <>
          <Form.Item name="user" label={t('signIn.user')} rules={[{ required: !user, message: t('form.required') }]}>
            <Input autoComplete="username" autoFocus={!user} disabled={!!user} />
          </Form.Item>
          <Form.Item name="password" label={t('signIn.password')} rules={[{ required: true, message: t('form.required') }]}>
            <Input type="password" autoComplete="current-password" autoFocus={!!user} />
          </Form.Item>
          <Form.Item name="domain" label={t('signIn.domain')} hidden={way !== 'otherDomain'}>
            <Input />
          </Form.Item>
        </>
      )}
      <Button type="primary" htmlType="submit" block loading={asked.isPending}>{t('signIn.submit')}</Button>
      {!user && way === 'password' && (
        <Button type="link" block onClick={() => setWay('otherDomain')} style={{ marginTop: 6 }}>{t('signIn.otherDomain')}</Button>
      )}
      <Button type="link" block onClick={() => setWay(way === 'credential' ? 'password' : 'credential')}>{t(way === 'credential' ? 'signIn.withPassword' : 'signIn.withCredential')}</Button>
    </Form>
  )
}
