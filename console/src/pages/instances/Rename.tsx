import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input, Modal } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Instance, renameInstance } from '../../api/instances'
import { FormError } from '../../components/FormError'

export function Rename({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [form] = Form.useForm<{ name: string }>()
  const rename = useMutation({
    mutationFn: (name: string) => renameInstance(instance.id, name),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['instances'] })
      onClose()
    },
  })
  return (
    <Modal open title={t('rename.title')} onCancel={onClose} okText={t('rename.submit')} confirmLoading={rename.isPending} onOk={() => form.submit()} width={420}>
      <FormError error={rename.error} />
      <Form form={form} layout="vertical" requiredMark={false} initialValues={{ name: instance.name }} onFinish={({ name }) => rename.mutate(name.trim())}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
      </Form>
    </Modal>
  )
}
