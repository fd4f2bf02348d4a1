import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Checkbox, Form } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { copyToStores, type Store } from '../../api/stores'
import { Commands } from '../../components/Commands'
import { FormDialog } from '../../components/FormDialog'
import { storesWithout } from '../../lib/can'
import { copyAsCommand } from '../../lib/commands'

/** An image that is ready is brought to further stores, while everybody goes on using it. */
export function CopyImage({ image, stores, onClose }: { image: Image; stores: Store[]; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [form] = Form.useForm<{ stores: string[] }>()
  const chosen = Form.useWatch<string[] | undefined>('stores', form) ?? []
  // A copy that comes meanwhile does not move what the person is choosing from.
  const [without] = useState(() => storesWithout(image, stores))
  const copy = useMutation({
    mutationFn: ({ stores }: { stores: string[] }) => copyToStores(image.id, stores),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['images'] })
      onClose()
    },
  })
  // Not `required`: a group may not say that it is.
  const atLeastOne = (_: unknown, chosen: string[]) => (chosen.length > 0 ? Promise.resolve() : Promise.reject(new Error(t('form.required'))))
  const options = without.map(({ id, description }) => ({ value: id, label: <>{id} <span className="quiet">{description}</span></> }))
  return (
    <FormDialog title={t('stores.copy')} submit={t('stores.copySubmit')} isBusy={copy.isPending} error={copy.error} form={form} name="copy" initialValues={{ stores: without.length === 1 ? without.map(({ id }) => id) : [] }} onSubmit={(typed) => copy.mutate(typed)} onClose={onClose} width={560}>
        <Form.Item name="stores" label={t('stores.title')} extra={t('stores.copyWhat')} rules={[{ validator: atLeastOne }]}>
          <Checkbox.Group aria-label={t('stores.title')} className="choices" options={options} />
        </Form.Item>
      <Commands command={copyAsCommand(image.id, chosen.length > 0 ? chosen : ['STORE'])} />
    </FormDialog>
  )
}
