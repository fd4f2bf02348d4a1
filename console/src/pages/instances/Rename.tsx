import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Instance, renameInstance } from '../../api/instances'
import { FormDialog } from '../../components/FormDialog'

export function Rename({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const rename = useMutation({
    mutationFn: (name: string) => renameInstance(instance.id, name),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['instances'] })
      onClose()
    },
  })
  return (
    <FormDialog title={t('rename.title')} submit={t('rename.submit')} isBusy={rename.isPending} error={rename.error} initialValues={{ name: instance.name }} onSubmit={({ name }: { name: string }) => rename.mutate(name.trim())} onClose={onClose} width={420}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
    </FormDialog>
  )
}
