import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input, Modal, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { createImage, deleteImage } from '../../api/images'
import { importFrom } from '../../api/imports'
import { FormError } from '../../components/FormError'
import { useStores } from '../../components/useStores'
import { importAsCommand, importAsTerraform } from '../../lib/commands'
import { formatOf, FORMATS, nameOf } from '../../lib/formats'
import { Commands } from '../../components/Commands'
import { otherStore, StoreField } from './StoreField'

interface Typed {
  uri: string
  name: string
  disk_format: string
  store?: string
}

/** The service fetches an image by itself from a URL; its record shows how far it is. */
export function ImportImage({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const stores = useStores()
  const [form] = Form.useForm<Typed>()
  const typed = Form.useWatch([], form) as Typed | undefined
  const fetch = useMutation({
    mutationFn: async ({ uri, name, disk_format, store }: Typed) => {
      const { id } = await createImage({ name: name.trim(), disk_format, container_format: 'bare' })
      try {
        await importFrom(id, uri.trim(), store)
      } catch (error) {
        // A record without bytes is of no use to anybody.
        await deleteImage(id).catch(() => undefined)
        throw error
      }
    },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['images'] })
      onClose()
    },
  })
  const changed = ({ uri }: Partial<Typed>) => {
    if (uri === undefined) return
    form.setFieldValue('disk_format', formatOf(uri))
    if (!form.isFieldTouched('name')) form.setFieldValue('name', nameOf(uri))
  }
  const wanted = { uri: typed?.uri?.trim() || 'https://…', name: typed?.name?.trim() || 'my-image', disk_format: typed?.disk_format ?? 'qcow2', store: otherStore(stores, typed?.store) }
  return (
    <Modal open title={t('import.title')} onCancel={onClose} okText={t('import.submit')} confirmLoading={fetch.isPending} onOk={() => form.submit()} width={560}>
      <FormError error={fetch.error} />
      <Form form={form} layout="vertical" requiredMark={false} initialValues={{ disk_format: 'qcow2' }} onValuesChange={changed} onFinish={(typed) => fetch.mutate(typed)}>
        <Form.Item name="uri" label={t('import.uri')} extra={t('import.hint')} rules={[{ required: true, message: t('form.required') }, { pattern: /^\s*https?:\/\/\S+\s*$/i, message: t('import.notUrl') }]}>
          <Input autoFocus autoComplete="off" inputMode="url" placeholder="https://cloud.debian.org/…/debian-13-genericcloud-amd64.qcow2" />
        </Form.Item>
        <div style={{ display: 'flex', gap: 12 }}>
          <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]} style={{ flex: 1 }}>
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item name="disk_format" label={t('column.format')} style={{ width: 130 }}>
            <Select options={FORMATS.map((value) => ({ value, label: value }))} />
          </Form.Item>
        </div>
        <StoreField stores={stores} />
      </Form>
      <Commands command={importAsCommand(wanted)} terraform={wanted.store ? undefined : importAsTerraform(wanted)} />
    </Modal>
  )
}
