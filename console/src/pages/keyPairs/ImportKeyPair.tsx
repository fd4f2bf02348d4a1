import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input } from 'antd'
import { useTranslation } from 'react-i18next'
import { importKeyPair } from '../../api/keyPairs'
import { FormDialog } from '../../components/FormDialog'

/** Takes the public half of a key that the person has. */
export function ImportKeyPair({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const save = useMutation({
    mutationFn: ({ name, key }: { name: string; key: string }) => importKeyPair(name.trim(), key.trim()),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['key-pairs'] })
      onClose()
    },
  })
  return (
    <FormDialog title={t('keyPairs.import')} submit={t('keyPairs.import')} isBusy={save.isPending} error={save.error} onSubmit={(typed: { name: string; key: string }) => save.mutate(typed)} onClose={onClose} width={520}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
        <Form.Item name="key" label={t('keyPairs.publicKey')} extra={t('keyPairs.hint')} rules={[{ required: true, message: t('form.required') }]}>
          <Input.TextArea rows={4} className="mono" placeholder="ssh-ed25519 AAAA…" spellCheck={false} />
        </Form.Item>
    </FormDialog>
  )
}
