import { Form, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Store, takesNew } from '../../api/stores'

/** Which of several stores takes a new image; not there when there is nothing to choose. */
export function StoreField({ stores }: { stores: Store[] }) {
  const { t } = useTranslation()
  const chosen = Form.useWatch<string | undefined>('store')
  const takers = stores.filter(takesNew)
  if (takers.length < 2) return null
  const first = takers.find((store) => store.default) ?? takers[0]
  return (
    <Form.Item name="store" label={t('stores.store')} extra={takers.find(({ id }) => id === chosen)?.description} initialValue={first?.id}>
      <Select options={takers.map(({ id }) => ({ value: id, label: id }))} />
    </Form.Item>
  )
}

/** The chosen store, when it is another than what names none goes to. */
export const otherStore = (stores: Store[], chosen: string | undefined) => stores.find((store) => store.id === chosen && !store.default)?.id
