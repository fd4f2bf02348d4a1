import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { Rests, useRests } from '../../components/Rests'
import { visible } from '../../lib/text'
import { Dialog } from '../../ui/Dialog'

/** Says what rests on the images and what space comes free, and then deletes them. */
export function DeleteImages({ images, onDelete, onClose }: { images: Image[]; onDelete: () => Promise<void>; onClose: () => void }) {
  const { t } = useTranslation()
  const [isBusy, setBusy] = useState(false)
  const { rests: { refused } } = useRests(images)
  const submit = async () => {
    setBusy(true)
    await onDelete()
    onClose()
  }
  return (
    <Dialog
      title={t('images.delete.title', { count: images.length })}
      onCancel={onClose}
      okText={t('images.action.delete')}
      // Of several those that can be are deleted.
      okButtonProps={{ danger: true, loading: isBusy, autoFocus: true, disabled: images.length === 1 && refused.length > 0 }}
      onOk={() => void submit()}
      width={520}
    >
      <Names of={images} />
      <Rests act="delete" images={images.map(({ id, effigy }) => ({ id, stored: effigy.stored_bytes }))} onLeave={onClose} />
    </Dialog>
  )
}

/** The images that a dialog is about. */
export const Names = ({ of }: { of: Image[] }) => <p className="break" style={{ marginTop: 0 }}><strong>{of.map(({ name, id }) => visible(name ?? id)).join(', ')}</strong></p>
