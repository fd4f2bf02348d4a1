import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Form, Input, Modal } from 'antd'
import { useTranslation } from 'react-i18next'
import { generateKeyPair } from '../../api/keyPairs'
import { FormError } from '../../components/FormError'
import { saveText } from '../../lib/save'
import { CopyBlock } from '../../ui/CopyBlock'

/** Has the service make a key; its private half is shown here, once, and kept nowhere. */
export function GenerateKeyPair({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [form] = Form.useForm<{ name: string }>()
  const make = useMutation({
    mutationFn: (name: string) => generateKeyPair(name.trim()),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['key-pairs'] }),
    // The private key goes with the dialog.
    gcTime: 0,
  })
  const made = make.data
  if (made)
    return (
      <Modal
        open
        title={t('keyPairs.made', { name: made.name })}
        width={620}
        closable={false}
        mask={{ closable: false }}
        keyboard={false}
        footer={[
          <Button key="save" type="primary" autoFocus onClick={() => saveText(`${made.name}.pem`, made.private_key)}>{t('keyPairs.download')}</Button>,
          <Button key="close" onClick={onClose}>{t('keyPairs.haveIt')}</Button>,
        ]}
      >
        <Alert type="warning" showIcon title={t('keyPairs.once')} style={{ marginBottom: 14 }} />
        <CopyBlock label={t('keyPairs.privateKey')} text={made.private_key} height={220} />
        <p className="quiet" style={{ marginBottom: 0 }}>{t('keyPairs.chmod', { name: made.name })}</p>
      </Modal>
    )
  return (
    <Modal open title={t('keyPairs.generate')} onCancel={onClose} okText={t('keyPairs.generate')} confirmLoading={make.isPending} onOk={() => form.submit()} width={460}>
      <FormError error={make.error} />
      <Form form={form} layout="vertical" requiredMark={false} onFinish={({ name }) => make.mutate(name)}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
      </Form>
      <p className="quiet" style={{ margin: 0 }}>{t('keyPairs.generateHint')}</p>
    </Modal>
  )
}
