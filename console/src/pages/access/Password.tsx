import { useMutation, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, Input } from 'antd'
import { useTranslation } from 'react-i18next'
import { changePassword } from '../../api/access'
import { ApiError } from '../../api/errors'
import { sessionQuery, signIn } from '../../api/session'
import { FormError } from '../../components/FormError'
import { useSession } from '../../components/useSession'

interface Typed {
  original: string
  password: string
  again: string
}

/** A new password. All sessions end with the old one; this browser signs in again with the new one. */
export function Password() {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const session = useSession()
  const queries = useQueryClient()
  const [form] = Form.useForm<Typed>()
  const change = useMutation({
    mutationFn: async ({ original, password }: Typed) => {
      await changePassword(session.user.id, original, password)
      return signIn({ user: session.user.name, domain: session.user.domain, password, project: session.project?.id })
    },
    onSuccess: (fresh) => {
      queries.setQueryData(sessionQuery.queryKey, fresh)
      form.resetFields()
      notification.success({ title: t('access.changed'), description: t('access.changedWhat') })
    },
    gcTime: 0,
  })
  const { error } = change
  const isWrong = error instanceof ApiError && error.status === 401
  return (
    <section className="card padded" aria-labelledby="password">
      <h2 id="password">{t('access.password')}</h2>
      <Form<Typed> form={form} name="password" layout="vertical" requiredMark={false} style={{ maxWidth: 340 }} onFinish={(typed) => change.mutate(typed)}>
        <FormError error={isWrong ? new ApiError(error.status, t('access.wrong'), error.requestId) : error} />
        <input type="text" name="username" autoComplete="username" value={session.user.name} readOnly hidden />
        <Form.Item name="original" label={t('access.original')} rules={[{ required: true, message: t('form.required') }]}>
          <Input.Password autoComplete="current-password" />
        </Form.Item>
        <Form.Item name="password" label={t('access.new')} extra={t('form.newPassword', { least: session.min_password_chars })} rules={[{ required: true, message: t('form.required') }]}>
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Form.Item
          name="again"
          label={t('access.again')}
          dependencies={['password']}
          rules={[{ required: true, message: t('form.required') }, ({ getFieldValue }) => ({ validator: async (_, value) => { if (value && value !== getFieldValue('password')) throw new Error(t('access.differ')) } })]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Button htmlType="submit" loading={change.isPending}>{t('access.change')}</Button>
      </Form>
    </section>
  )
}
