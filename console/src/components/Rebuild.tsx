import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Checkbox, Form } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { imageQuery } from '../api/images'
import { type Instance, rebuildInstance } from '../api/instances'
import { FormDialog } from './FormDialog'
import { ImageChoice } from './ImageChoice'
import { useFail } from './useFail'
import { lackOf } from '../lib/lack'
import { visible } from '../lib/text'

/** The image that all of them have. */
function commonImage(instances: Instance[]): string {
  const ids = new Set(instances.map(({ image }) => (image === '' ? '' : image.id)))
  const [id = ''] = ids
  return ids.size === 1 ? id : ''
}

/** A fresh disk of an image for one instance, or for a fleet. All that is on the old disks is lost, so that is ticked first. */
export function Rebuild({ instances, image: wanted, onClose }: { instances: Instance[]; image?: string; onClose: () => void }) {
  const { t } = useTranslation()
  const fail = useFail()
  const queries = useQueryClient()
  const [image, setImage] = useState(() => wanted ?? commonImage(instances))
  const record = useQuery({ ...imageQuery(image), enabled: image !== '' }).data
  const lacking = record ? instances.flatMap(({ name, flavor }) => (lackOf(flavor, record) ? [visible(name)] : [])) : []
  const names = instances.map(({ name }) => visible(name)).join(', ')
  const count = instances.length
  const rebuild = useMutation({
    mutationFn: async () => {
      const outcomes = await Promise.allSettled(instances.map(({ id }) => rebuildInstance(id, image)))
      const refused = outcomes.flatMap((outcome, n) => (outcome.status === 'rejected' ? [{ name: instances[n]?.name ?? '', error: outcome.reason as Error }] : []))
      // With none of them begun the dialog stays, and says why.
      if (refused[0] && refused.length === count) throw refused[0].error
      for (const { name, error } of refused) fail(`${t('rebuild.title')}: ${visible(name)}`, error)
    },
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries({ queryKey: ['instances'] }),
  })
  return (
    <FormDialog
      title={t('rebuild.title')}
      submit={t('rebuild.submit')}
      isDanger
      isDisabled={!record || lacking.length > 0}
      isBusy={rebuild.isPending}
      error={rebuild.error}
      onSubmit={() => rebuild.mutate()}
      onClose={onClose}
      width={640}
    >
      <Alert type="error" showIcon className="notice" title={t('rebuild.lost', { count })} description={<span className="break">{t('rebuild.keeps', { count, names })}</span>} />
      <ImageChoice value={image} onChange={setImage} />
      {lacking.length > 0 && <Alert type="warning" showIcon style={{ marginTop: 10 }} title={<span className="break">{t('rebuild.tooSmall', { names: lacking.join(', ') })}</span>} />}
      {!record && <p className="quiet">{t('reason.noImageChosen')}</p>}
      <Form.Item name="sure" valuePropName="checked" style={{ margin: '14px 0 0' }} rules={[{ validator: async (_, isSure?: boolean) => { if (!isSure) throw new Error(t('form.required')) } }]} validateTrigger="onSubmit">
        <Checkbox>{t('rebuild.sure', { count })}</Checkbox>
      </Form.Item>
    </FormDialog>
  )
}
