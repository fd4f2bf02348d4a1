import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App, Form, Input } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { ApiError } from '../../api/errors'
import { createImageOf, type Instance, instanceQuery, stopInstance } from '../../api/instances'
import { InstanceStatusBadge } from '../../components/StatusBadge'
import { ErrorDetails } from '../../components/ErrorDetails'
import { useErrorText } from '../../components/useFail'
import { awaitImage, noticeOf } from '../../components/useOutcomes'
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
 * Asks for a name and nothing else. An instance that runs must be shut down first, which the same button does; a Windows
 * that the service refused for not being generalised can be overridden with a reason.
 */
export function CreateImage({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const queries = useQueryClient()
  const session = useSession()
  // A cloud's own Nova makes it the person's, and shares it.
  const isOthers = !session.of_cloud && instance.tenant_id !== session.project?.id
  const now = useQuery(instanceQuery(instance.id)).data ?? instance
  const isStopped = now.status === 'SHUTOFF' && now['OS-EXT-STS:task_state'] === null
  const create = useMutation({
    mutationFn: ({ name, reason }: Typed) => createImageOf(instance.id, name.trim(), reason?.trim()),
    onSuccess: ({ image_id }, { name }) => {
      awaitImage(image_id)
      notification.info({
        key: noticeOf(image_id),
        title: t('createImage.begun', { name }),
        description: <Link to={paths.image(image_id)}>{t('createImage.watch')}</Link>,
      })
      void queries.invalidateQueries({ queryKey: ['images'] })
      void queries.invalidateQueries({ queryKey: ['instances'] })
      onClose()
    },
  })
  // Waits, with what was typed, until the instance has shut down.
  const [waiting, setWaiting] = useState<Typed>()
  const stop = useMutation<void, Error, Typed>({
    mutationFn: async () => {
      await stopInstance(instance.id)
      // The status shown is then of after the request.
      await queries.invalidateQueries({ queryKey: ['instances'] })
    },
    onSuccess: (_, typed) => setWaiting(typed),
  })
  const isRunning = now.status === 'ACTIVE' && now['OS-EXT-STS:task_state'] === null
  useEffect(() => {
    if (!waiting || (!isStopped && !isRunning)) return
    setWaiting(undefined)
    // One that runs again was started meanwhile: the person decides anew.
    if (isStopped) create.mutate(waiting)
  }, [waiting, isStopped, isRunning, create])
  // Once it was refused for that, the field stays, whatever a second try is answered.
  const [isRefused, setRefused] = useState(false)
  if (!isRefused && asksForReason(create.error)) setRefused(true)
  return (
    <FormDialog<Typed>
      title={t('createImage.title')}
      submit={isRefused ? t('createImage.anyway') : isStopped ? t('createImage.submit') : t('createImage.stopAndSubmit')}
      isDisabled={!isStopped && !isRunning && !waiting}
      isDanger={isRefused}
      isBusy={create.isPending || stop.isPending || waiting !== undefined}
      error={asksForReason(create.error) ? null : (create.error ?? stop.error)}
      onSubmit={(typed) => (isStopped ? create : stop).mutate(typed)}
      onClose={onClose}
      width={isRefused ? 560 : 460}
    >
      {asksForReason(create.error) && <Refusal error={create.error} />}
      {!isStopped && (
        <Alert
          type="info"
          showIcon
          style={{ marginBottom: 14 }}
          title={t(waiting ? 'createImage.waits' : 'createImage.stopFirst')}
          description={<InstanceStatusBadge instance={now} />}
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
