import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App, Button, Form, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { ApiError } from '../../api/errors'
import { createImageOf, type Instance, instanceQuery, stopInstance } from '../../api/instances'
import { InstanceStatusBadge } from '../../components/StatusBadge'
import { ErrorDetails } from '../../components/ErrorDetails'
import { useErrorText, useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { FormDialog } from '../../components/FormDialog'
import { paths } from '../../paths'

/** Whether the service asks for a reason to copy a Windows that is not generalised, or that nobody can tell of. */
const asksForReason = (error: unknown) => error instanceof ApiError && error.status === 409 && error.message.includes('effigy_sysprep_reason')

interface Typed {
  name: string
  reason?: string
}

/**
 * Asks for a name and nothing else. An instance that runs must be shut down first, which it offers to do; a Windows that
 * the service refused for not being generalised can be overridden with a reason.
 */
export function CreateImage({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const queries = useQueryClient()
  const fail = useFail()
  const session = useSession()
  // A cloud's own Nova makes it the person's, and shares it.
  const isOthers = !session.of_cloud && instance.tenant_id !== session.project?.id
  const now = useQuery(instanceQuery(instance.id)).data ?? instance
  const isStopped = now.status === 'SHUTOFF' && now['OS-EXT-STS:task_state'] === null
  const stop = useMutation({
    mutationFn: () => stopInstance(instance.id),
    onSettled: () => queries.invalidateQueries({ queryKey: ['instances'] }),
    onError: (error) => fail(t('instances.action.stop'), error),
  })
  const create = useMutation({
    mutationFn: ({ name, reason }: Typed) => createImageOf(instance.id, name.trim(), reason?.trim()),
    onSuccess: ({ image_id }, { name }) => {
      notification.success({
        title: t('createImage.begun', { name }),
        description: <Link to={paths.image(image_id)}>{t('createImage.watch')}</Link>,
      })
      void queries.invalidateQueries({ queryKey: ['images'] })
      void queries.invalidateQueries({ queryKey: ['instances'] })
      onClose()
    },
  })
  // Once it was refused for that, the field stays, whatever a second try is answered.
  const [isRefused, setRefused] = useState(false)
  if (!isRefused && asksForReason(create.error)) setRefused(true)
  return (
    <FormDialog<Typed>
      title={t('createImage.title')}
      submit={isRefused ? t('createImage.anyway') : t('createImage.submit')}
      isDisabled={!isStopped}
      isDanger={isRefused}
      isBusy={create.isPending}
      error={asksForReason(create.error) ? null : create.error}
      onSubmit={(typed) => isStopped && create.mutate(typed)}
      onClose={onClose}
      width={isRefused ? 560 : 460}
    >
      {asksForReason(create.error) && <Refusal error={create.error} />}
      {!isStopped && (
        <Alert
          type="info"
          showIcon
          style={{ marginBottom: 14 }}
          title={t('createImage.stopFirst')}
          description={<InstanceStatusBadge instance={now} />}
          action={
            now.status === 'ACTIVE' && now['OS-EXT-STS:task_state'] === null && (
              <Button size="small" loading={stop.isPending} onClick={() => stop.mutate()}>{t('instances.action.stop')}</Button>
            )
          }
        />
      )}
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
        {isRefused && (
          <Form.Item name="reason" label={t('createImage.reason')} extra={t('createImage.reasonHint')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
            <Input.TextArea rows={2} autoFocus />
          </Form.Item>
        )}
      <p className="quiet" style={{ margin: 0 }}>{t(isOthers ? 'createImage.hintOthers' : 'createImage.hint', { name: instance.name })}</p>
    </FormDialog>
  )
}

/** The service's own words, in full: what it found, and what to do in the guest. */
function Refusal({ error }: { error: unknown }) {
  const { t } = useTranslation()
  const text = useErrorText()(error)
  const said = <><div>{text.what}</div><ErrorDetails of={text} /></>
  return <Alert type="warning" showIcon role="alert" className="notice" title={t('createImage.refusedTitle')} description={said} />
}
