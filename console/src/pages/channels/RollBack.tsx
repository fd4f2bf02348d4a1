import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Channel, rollBack } from '../../api/channels'
import { FormDialog } from '../../components/FormDialog'

/** Makes the release current again whose place the current one took. */
export function RollBack({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const from = channel.current.number
  const back = useMutation({
    mutationFn: ({ reason }: { reason?: string }) => rollBack(channel.id, { from, ...(reason?.trim() && { reason: reason.trim() }) }),
    onSuccess: onClose,
    onSettled: () => Promise.all(['channels', 'images'].map((key) => queries.invalidateQueries({ queryKey: [key] }))),
  })
  return (
    <FormDialog<{ reason?: string }> title={t('channel.rollBackTitle')} submit={t('channel.rollBack')} isDanger isBusy={back.isPending} error={back.error} onSubmit={(typed) => back.mutate(typed)} onClose={onClose}>
      <p style={{ marginTop: 0 }}>{t('channel.rollBackWhat', { number: from })}</p>
      <Form.Item name="reason" label={t('publish.reason')} extra={t('channel.reasonHint')} rules={[{ max: 1024 }]}>
        <Input.TextArea rows={2} />
      </Form.Item>
    </FormDialog>
  )
}
