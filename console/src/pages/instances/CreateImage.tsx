import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App, Button, Form, Input, Modal } from 'antd'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { createImageOf, type Instance, instanceQuery, stopInstance } from '../../api/instances'
import { InstanceStatusBadge } from '../../components/StatusBadge'
import { useFail } from '../../components/useFail'
import { FormError } from '../../components/FormError'
import { paths } from '../../paths'

/** Asks for a name and nothing else. An instance that runs must be shut down first, which it offers to do. */
export function CreateImage({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const queries = useQueryClient()
  const fail = useFail()
  const [form] = Form.useForm<{ name: string }>()
  const now = useQuery(instanceQuery(instance.id)).data ?? instance
  const isStopped = now.status === 'SHUTOFF' && now['OS-EXT-STS:task_state'] === null
  const stop = useMutation({
    mutationFn: () => stopInstance(instance.id),
    onSettled: () => queries.invalidateQueries({ queryKey: ['instances'] }),
    onError: (error) => fail(t('instances.action.stop'), error),
  })
  const create = useMutation({
    mutationFn: (name: string) => createImageOf(instance.id, name),
    onSuccess: ({ image_id }, name) => {
      notification.success({
        title: t('createImage.begun', { name }),
        description: <Link to={paths.image(image_id)}>{t('createImage.watch')}</Link>,
      })
      void queries.invalidateQueries({ queryKey: ['images'] })
      void queries.invalidateQueries({ queryKey: ['instances'] })
      onClose()
    },
  })
  return (
    <Modal
      open
      title={t('createImage.title')}
      onCancel={onClose}
      okText={t('createImage.submit')}
      okButtonProps={{ disabled: !isStopped, loading: create.isPending }}
      onOk={() => form.submit()}
      width={460}
    >
      <FormError error={create.error} />
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
      <Form form={form} layout="vertical" requiredMark={false} onFinish={({ name }) => isStopped && create.mutate(name.trim())}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
      </Form>
      <p className="quiet" style={{ margin: 0 }}>{t('createImage.hint', { name: instance.name })}</p>
    </Modal>
  )
}
