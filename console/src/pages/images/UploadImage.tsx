import { InboxOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Form, Input, Select, Upload } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { createImage, type Image } from '../../api/images'
import { usageQuery } from '../../api/project'
import { begun, isSameFile } from '../../api/upload'
import { useUploads } from '../../components/Uploads'
import { Commands } from '../../components/Commands'
import { FormDialog } from '../../components/FormDialog'
import { UsageBars } from '../../components/UsageBars'
import { useStores } from '../../components/useStores'
import { bytes } from '../../lib/bytes'
import { uploadAgainAsCommand, uploadAsCommand } from '../../lib/commands'
import { containerOf, formatOf, FORMATS, nameOf } from '../../lib/formats'
import { visible } from '../../lib/text'
import { otherStore, StoreField } from './StoreField'

interface Typed {
  name: string
  disk_format: string
  store?: string
}

/**
 * A file of this computer becomes an image; it is sent while the person goes on. `image`: a record that waits for its
 * file, as one does whose upload failed, or for the rest of it.
 */
export function UploadImage({ image, onClose }: { image?: Image; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const { begin } = useUploads()
  const [file, setFile] = useState<File>()
  const stores = useStores()
  const usage = useQuery(usageQuery).data?.image_bytes
  // The file is not asked for before it is known whether a part of it is there.
  const rest = useQuery({
    queryKey: ['upload', image?.id],
    queryFn: ({ signal }) => (image ? begun(image.id, { signal }) : null),
    enabled: image?.status === 'uploading',
    gcTime: 0,
  })
  const isRest = image?.status === 'uploading'
  const isOther = !!rest.data && file !== undefined && !isSameFile(rest.data, file)
  const [form] = Form.useForm<Typed>()
  const typed = Form.useWatch([], form) as Partial<Typed> | undefined
  const container = containerOf(file?.name ?? '')
  const create = useMutation({
    mutationFn: async ({ name, disk_format }: Typed) => image ?? createImage({ name: name.trim(), disk_format, container_format: container }),
    onSuccess: ({ id, name }, { store }) => {
      if (file) begin(id, name ?? id, file, { store, upload: rest.data?.id })
      void queries.invalidateQueries({ queryKey: ['images'] })
      onClose()
    },
  })
  // Known before the first byte is sent.
  const free = usage && !isRest ? usage.limit - usage.used : Infinity
  const isTooLarge = file !== undefined && file.size > free
  const chosen = (file: File) => {
    setFile(file)
    if (!image) form.setFieldValue('disk_format', formatOf(file.name))
    if (!image && !form.getFieldValue('name')) form.setFieldValue('name', nameOf(file.name))
    // The component must not send it by itself.
    return false
  }
  const store = otherStore(stores, typed?.store)
  const command = image
    ? uploadAgainAsCommand({ id: image.id, file: file?.name ?? 'FILE', store })
    : uploadAsCommand({ file: file?.name ?? 'FILE', name: typed?.name?.trim() || 'my-image', disk_format: typed?.disk_format ?? 'qcow2', container, store })
  return (
    <FormDialog
      title={image ? t(isRest ? 'upload.restOf' : 'upload.againOf', { name: image.name ?? image.id }) : t('upload.title')}
      submit={t(isRest ? 'upload.goOn' : 'upload.submit')}
      isDisabled={!file || isTooLarge || isOther || (isRest && !rest.data)}
      isBusy={create.isPending}
      error={create.error ?? rest.error}
      form={form}
      initialValues={{ disk_format: 'qcow2' }}
      onSubmit={(typed) => create.mutate(typed)}
      onClose={onClose}
      width={500}
    >
      <Upload.Dragger maxCount={1} showUploadList={false} beforeUpload={chosen} style={{ marginBottom: 14 }}>
        <InboxOutlined aria-hidden style={{ fontSize: 28, color: 'var(--ant-color-primary)' }} />
        <div style={{ marginTop: 6 }}>{file ? `${file.name} · ${bytes(file.size)}` : t('upload.choose')}</div>
      </Upload.Dragger>
      {isTooLarge && <Alert type="error" showIcon role="alert" className="notice" title={t('upload.tooLarge', { size: bytes(file.size), free: bytes(Math.max(free, 0)) })} />}
      {isOther && <Alert type="error" showIcon role="alert" className="notice" title={t('upload.otherFile')} />}
      {isRest ? (
        <p className="quiet" style={{ marginTop: 0 }}>{rest.data ? t('upload.rest', { file: visible(rest.data.metadata.filename ?? ''), kept: bytes(rest.data.kept_bytes), size: bytes(rest.data.whole_bytes) }) : rest.isPending ? '' : t('upload.noRest')}</p>
      ) : image ? (
        <p className="quiet" style={{ marginTop: 0 }}>{t('upload.againFormat', { format: image.disk_format })}</p>
      ) : (
        <>
          <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item name="disk_format" label={t('column.format')} extra={t(container === 'bare' ? 'upload.formatHint' : 'upload.packed')}>
            <Select options={FORMATS.map((value) => ({ value, label: value }))} />
          </Form.Item>
        </>
      )}
      {!isRest && (
        <>
          <StoreField stores={stores} />
          <UsageBars parts={['images', 'image_bytes']} more={{ images: image ? 0 : 1, image_bytes: file?.size ?? 0 }} />
          <Commands command={command} />
        </>
      )}
    </FormDialog>
  )
}
