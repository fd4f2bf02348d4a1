import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input, InputNumber } from 'antd'
import { useTranslation } from 'react-i18next'
import { changeImage, type Image, type Patch } from '../../api/images'
import { FormDialog } from '../../components/FormDialog'

interface Typed {
  name: string
  os_distro: string
  min_disk: number
  min_ram: number
}

/** The part of a record that a person changes by hand. */
export function EditImage({ image, onClose }: { image: Image; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const had: Typed = {
    name: image.name ?? '', os_distro: typeof image.os_distro === 'string' ? image.os_distro : '', min_disk: image.min_disk, min_ram: image.min_ram,
  }
  const save = useMutation({
    mutationFn: async (typed: Typed) => {
      const changed = (Object.keys(had) as (keyof Typed)[]).filter((key) => typed[key] !== had[key])
      const patch = changed.map((key): Patch =>
        key === 'os_distro' && !typed.os_distro ? { op: 'remove', path: '/os_distro' } : { op: 'add', path: `/${key}`, value: typed[key] },
      )
      if (patch.length > 0) await changeImage(image.id, patch)
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['images'] })
      onClose()
    },
  })
  return (
    <FormDialog title={t('editImage.title')} submit={t('editImage.submit')} isBusy={save.isPending} error={save.error} initialValues={had} onSubmit={(typed) => save.mutate(typed)} onClose={onClose}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
        <Form.Item name="os_distro" label={t('column.os')} rules={[{ max: 255 }]}>
          <Input placeholder="debian" />
        </Form.Item>
        <div style={{ display: 'flex', gap: 12 }}>
          <Form.Item name="min_disk" label={t('image.minDisk')}><InputNumber min={0} suffix="GiB" style={{ width: 180 }} /></Form.Item>
          <Form.Item name="min_ram" label={t('image.minRam')}><InputNumber min={0} suffix="MiB" style={{ width: 180 }} /></Form.Item>
        </div>
    </FormDialog>
  )
}
