import { InboxOutlined } from '@ant-design/icons'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input, Modal, Select, Upload } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { createImage } from '../../api/images'
import { useUploads } from '../../components/Uploads'
import { Commands } from '../../components/Commands'
import { FormError } from '../../components/FormError'
import { useStores } from '../../components/useStores'
import { bytes } from '../../lib/bytes'
import { uploadAsCommand } from '../../lib/commands'
import { formatOf, FORMATS, nameOf } from '../../lib/formats'
import { otherStore, StoreField } from './StoreField'

interface Typed {
  name: string
  disk_format: string
  store?: string
}

/** A file of this computer becomes an image; it is sent while the person goes on. */
export function UploadImage({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const { begin } = useUploads()
  const [file, setFile] = useState<File>()
  const stores = useStores()
  const [form] = Form.useForm<Typed>()
  const typed = Form.useWatch([], form) as Partial<Typed> | undefined
  const create = useMutation({
    mutationFn: ({ name, disk_format }: Typed) => createImage({ name: name.trim(), disk_format, container_format: 'bare' }),
    onSuccess: ({ id, name }, { store }) => {
      if (file) begin(id, name ?? id, file, store)
      void queries.invalidateQueries({ queryKey: ['images'] })
      onClose()
    },
  })
  const chosen = (file: File) => {
    setFile(file)
    form.setFieldValue('disk_format', formatOf(file.name))
    if (!form.getFieldValue('name')) form.setFieldValue('name', nameOf(file.name))
    // The component must not send it by itself.
    return false
  }
  return (
    <Modal open title={t('upload.title')} onCancel={onClose} okText={t('upload.submit')} okButtonProps={{ disabled: !file, loading: create.isPending }} onOk={() => form.submit()} width={500}>
      <FormError error={create.error} />
      <Upload.Dragger maxCount={1} showUploadList={false} beforeUpload={chosen} style={{ marginBottom: 14 }}>
        <InboxOutlined aria-hidden style={{ fontSize: 28, color: 'var(--ant-color-primary)' }} />
        <div style={{ marginTop: 6 }}>{file ? `${file.name} · ${bytes(file.size)}` : t('upload.choose')}</div>
      </Upload.Dragger>
      <Form form={form} layout="vertical" requiredMark={false} initialValues={{ disk_format: 'qcow2' }} onFinish={(typed) => create.mutate(typed)}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="disk_format" label={t('column.format')} extra={t('upload.formatHint')}>
          <Select options={FORMATS.map((value) => ({ value, label: value }))} />
        </Form.Item>
        <StoreField stores={stores} />
      </Form>
      <Commands command={uploadAsCommand({ file: file?.name ?? 'FILE', name: typed?.name?.trim() || 'my-image', disk_format: typed?.disk_format ?? 'qcow2', store: otherStore(stores, typed?.store) })} />
    </Modal>
  )
}
