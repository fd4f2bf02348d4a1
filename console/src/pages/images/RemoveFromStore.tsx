import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { namesIn, removeFromStore } from '../../api/stores'
import { Commands } from '../../components/Commands'
import { FormError } from '../../components/FormError'
import { removeFromStoreAsCommand } from '../../lib/commands'
import { Dialog } from '../../ui/Dialog'

/** Says what goes and what stays, and then takes the image's bytes out of one store. */
export function RemoveFromStore({ image, store, onClose }: { image: Image; store: string; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const others = namesIn(image.stores).filter((name) => name !== store)
  const remove = useMutation({
    mutationFn: () => removeFromStore(image.id, store),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['images'] })
      onClose()
    },
  })
  return (
    <Dialog
      title={t('stores.removeTitle', { store })}
      onCancel={onClose}
      okText={t('stores.remove')}
      okButtonProps={{ danger: true, loading: remove.isPending, autoFocus: true }}
      onOk={() => remove.mutate()}
      width={560}
    >
      <FormError error={remove.error} />
      <p style={{ marginTop: 0, overflowWrap: 'anywhere' }}><strong>{image.name ?? image.id}</strong></p>
      <ul className="plain-list" style={{ marginBottom: 12 }}>
        <li>{t('stores.removeStays', { stores: others.join(', ') })}</li>
        <li>{t('stores.removeInstances')}</li>
        <li>{t('stores.removeSpace')}</li>
      </ul>
      <Commands command={removeFromStoreAsCommand(image.id, store)} />
    </Dialog>
  )
}
