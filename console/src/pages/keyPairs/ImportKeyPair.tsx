import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input, Modal } from 'antd'
import { useTranslation } from 'react-i18next'
import { importKeyPair } from '../../api/keyPairs'
import { FormError } from '../../components/FormError'

/** Takes the public half of a key that the person has. */
export function ImportKeyPair({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [form] = Form.useForm<{ name: string; key: string }>()
  const save = useMutation({
    mutationFn: ({ name, key }: { name: string; key: string }) => importKeyPair(name.trim(), key.trim()),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['key-pairs'] })
      onClose()
    },
  })
  return (
    <Modal open title={t('keyPairs.import')} onCancel={onClose} okText={t('keyPairs.import')} confirmLoading={save.isPending} onOk={() => form.submit()}>
      <FormError error={save.error} />
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(typed) => save.mutate(typed)}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
        <Form.Item name="key" label={t('keyPairs.publicKey')} extra={t('keyPairs.hint')} rules={[{ required: true, message: t('form.required') }]}>
          <Input.TextArea rows={4} className="mono" placeholder="ssh-ed25519 AAAA…" spellCheck={false} />
        </Form.Item>
      </Form>
    </Modal>
  )
}
