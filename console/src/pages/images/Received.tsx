import { Alert, Button } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import type { Share } from '../../api/shares'
import { OfferTerms } from '../../components/OfferTerms'
import { useProjectNames } from '../../components/useProjectNames'
import { useSession } from '../../components/useSession'
import { canChange } from '../../lib/can'
import { visible } from '../../lib/text'
import { useOffers } from './useOffers'

/** Tells the receiver of an image until when it has it and what the owner says with it, and takes the answer to an offer. */
export function Received({ image, shares }: { image: Image; shares: Share[] }) {
  const { t } = useTranslation()
  const session = useSession()
  const own = image.owner !== session.project?.id ? shares.find(({ project_id }) => project_id === session.project?.id) : undefined
  const nameOf = useProjectNames(own !== undefined)
  const { answer } = useOffers(false)
  if (!own || (own.status === 'accepted' && !own.expires_at && !own.note)) return null
  const project = visible(nameOf(image.owner) ?? t('offer.unknown'))
  // A rejected one is still there by its address, and may be accepted after all.
  const isOpen = own.status !== 'accepted'
  const decide = (status: 'accepted' | 'rejected') => answer({ id: image.id, name: image.name, status })
  return (
    <Alert
      className="notice received"
      type="info"
      showIcon
      title={t(isOpen ? 'offer.by' : 'offer.sharedBy', { project })}
      description={own.expires_at || own.note ? <OfferTerms of={own} /> : undefined}
      action={isOpen && canChange(session) ? (
        <div className="row-acts">
          <Button size="small" type="primary" onClick={() => decide('accepted')}>{t('offer.accept')}</Button>
          {own.status === 'pending' && <Button size="small" onClick={() => decide('rejected')}>{t('offer.reject')}</Button>}
        </div>
      ) : undefined}
    />
  )
}
