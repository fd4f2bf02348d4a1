import { useMutation, useQueries, useQueryClient } from '@tanstack/react-query'
import { Form, Input, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../../api/errors'
import { type Image, publishImage } from '../../api/images'
import { highFindings, otherReasons, verificationQuery } from '../../api/verification'
import { FormDialog } from '../../components/FormDialog'
import { FindingsAlert } from './Findings'

/** Whether the service did not make an image Public for what was found inside; it then asks for a reason. */
export const isHeldBack = (error: unknown) => error instanceof ApiError && error.status === 409 && error.message.includes('effigy_public_reason')

/** The findings inside images that are not to be Public, and an administrator's reason to let them be. */
export function PublishImages({ images, onClose }: { images: Image[]; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [form] = Form.useForm<{ reason: string }>()
  const found = useQueries({ queries: images.map(({ id }) => ({ ...verificationQuery(id), retry: false })) })
  const publish = useMutation({
    mutationFn: async (reason: string) => {
      for (const { id } of images) await publishImage(id, reason)
    },
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries({ queryKey: ['images'] }),
  })
  return (
    <FormDialog
      title={t('publish.title')}
      width={600}
      onClose={onClose}
      submit={t('publish.submit')}
      isDanger
      isBusy={publish.isPending}
      error={publish.error}
      form={form}
      onSubmit={({ reason }) => publish.mutate(reason.trim())}
      // The menu that led here gives the focus back to its button first.
      afterOpen={() => form.focusField('reason')}
    >
      {found.some(({ isLoading }) => isLoading) ? (
        <Skeleton active title={false} paragraph={{ rows: 3 }} />
      ) : (
        images.map((image, n) => {
          const verification = found[n]?.data
          const others = verification ? otherReasons(verification) : []
          const why = others.length === 0 && image.os_effigy_public === 'pending' && image.os_effigy_public_why ? [image.os_effigy_public_why] : others
          return <FindingsAlert key={image.id} title={t('publish.refused', { name: image.name ?? image.id })} findings={highFindings(verification)} others={why} />
        })
      )}
        <Form.Item name="reason" label={t('publish.reason')} extra={t('publish.hint')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input.TextArea rows={2} />
        </Form.Item>
    </FormDialog>
  )
}
