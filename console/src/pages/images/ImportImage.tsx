import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { createImage, deleteImage } from '../../api/images'
import { importFrom } from '../../api/imports'
import { FormDialog } from '../../components/FormDialog'
import { awaitImage } from '../../components/useOutcomes'
import { useStores } from '../../components/useStores'
import { importAsCommand, importAsTerraform } from '../../lib/commands'
import { containerOf, formatOf, FORMATS, nameOf } from '../../lib/formats'
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
      const { id } = await createImage({ name: name.trim(), disk_format, container_format: containerOf(uri) })
      try {
        await importFrom(id, uri.trim(), store)
      } catch (error) {
        // A record without bytes is of no use to anybody.
        await deleteImage(id).catch(() => undefined)
        throw error
      }
      return id
    },
    onSuccess: (id) => {
      awaitImage(id)
      void queries.invalidateQueries({ queryKey: ['images'] })
      onClose()
    },
  })
  // The name follows the URL until the person writes one.
  const [isNameOurs, setNameOurs] = useState(true)
  const changed = ({ uri, name }: Partial<Typed>) => {
    if (name !== undefined) setNameOurs(name === '')
    if (uri === undefined) return
    form.setFieldValue('disk_format', formatOf(uri))
    if (isNameOurs) form.setFieldValue('name', nameOf(uri))
  }
  const wanted = { uri: typed?.uri?.trim() || 'https://…', name: typed?.name?.trim() || 'my-image', disk_format: typed?.disk_format ?? 'qcow2', container: containerOf(typed?.uri ?? ''), store: otherStore(stores, typed?.store) }
  return (
    <FormDialog title={t('import.title')} submit={t('import.submit')} isBusy={fetch.isPending} error={fetch.error} form={form} initialValues={{ disk_format: 'qcow2' }} onChange={changed} onSubmit={(typed) => fetch.mutate(typed)} onClose={onClose} width={560}>
        <Form.Item name="uri" label={t('import.uri')} extra={t(wanted.container === 'bare' ? 'import.hint' : 'import.packed')} rules={[{ required: true, message: t('form.required') }, { pattern: /^\s*https?:\/\/\S+\s*$/i, message: t('import.notUrl') }]}>
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
      <Commands command={importAsCommand(wanted)} terraform={wanted.store ? undefined : importAsTerraform(wanted)} />
    </FormDialog>
  )
}
