import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { type Image, removeMember } from '../../api/images'
import type { Share } from '../../api/shares'
import { FormError } from '../../components/FormError'
import { Rests } from '../../components/Rests'
import { visible } from '../../lib/text'
import { Dialog } from '../../ui/Dialog'

/** Says what the receiver has made of the image, and then ends the share. */
export function EndShare({ image, share, name, onClose }: { image: Image; share: Share; name: string; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const end = useMutation({
    mutationFn: () => removeMember(image.id, share.project_id),
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries({ queryKey: ['images'] }),
  })
  return (
    <Dialog
      title={t('shares.endTitle', { project: visible(name) })}
      onCancel={onClose}
      okText={t('shares.endSubmit')}
      okButtonProps={{ danger: true, loading: end.isPending, autoFocus: true }}
      onOk={() => end.mutate()}
      width={520}
    >
      <FormError error={end.error} />
      <p style={{ marginTop: 0 }}>{t(share.status === 'accepted' ? 'shares.endWhat' : 'shares.endOffer', { project: visible(name), image: visible(image.name ?? image.id) })}</p>
      <ul className="plain-list">
        <li>{t('shares.launched', { count: share.launches })}</li>
        <li>{t('shares.downloaded', { count: share.downloads })}</li>
      </ul>
      <Rests act="end" images={[{ id: image.id, stored: null }]} onLeave={onClose} />
    </Dialog>
  )
}
