import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Form, Input } from 'antd'
import { useTranslation } from 'react-i18next'
import { generateKeyPair } from '../../api/keyPairs'
import { FormDialog } from '../../components/FormDialog'
import { saveText } from '../../lib/save'
import { CopyBlock } from '../../ui/CopyBlock'
import { Dialog } from '../../ui/Dialog'

/** Has the service make a key; its private half is shown here, once, and kept nowhere. */
export function GenerateKeyPair({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const make = useMutation({
    mutationFn: (name: string) => generateKeyPair(name.trim()),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['key-pairs'] }),
    // The private key goes with the dialog.
    gcTime: 0,
  })
  const made = make.data
  if (made)
    return (
      <Dialog
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
      </Dialog>
    )
  return (
    <FormDialog title={t('keyPairs.generate')} submit={t('keyPairs.generate')} isBusy={make.isPending} error={make.error} onSubmit={({ name }: { name: string }) => make.mutate(name)} onClose={onClose}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
      <p className="quiet" style={{ margin: 0 }}>{t('keyPairs.generateHint')}</p>
    </FormDialog>
  )
}
