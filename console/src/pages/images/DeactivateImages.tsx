import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { Rests } from '../../components/Rests'
import { Dialog } from '../../ui/Dialog'
import { Names } from './DeleteImages'

/** Says whom it meets that the images cannot be used for a while, and then deactivates them. */
export function DeactivateImages({ images, onDeactivate, onClose }: { images: Image[]; onDeactivate: () => Promise<void>; onClose: () => void }) {
  const { t } = useTranslation()
  const [isBusy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    await onDeactivate()
    onClose()
  }
  return (
    <Dialog
      title={t('rests.deactivate', { count: images.length })}
      onCancel={onClose}
      okText={t('images.action.deactivate')}
      okButtonProps={{ loading: isBusy, autoFocus: true }}
      onOk={() => void submit()}
      width={520}
    >
      <Names of={images} />
      <p>{t('rests.deactivateWhat')}</p>
      <Rests act="deactivate" images={images.map(({ id }) => ({ id, stored: null }))} onLeave={onClose} />
    </Dialog>
  )
}
