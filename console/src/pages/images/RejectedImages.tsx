import { useQuery } from '@tanstack/react-query'
import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { sharingQuery } from '../../api/project'
import { Ago } from '../../components/Ago'
import { Name } from '../../components/Name'
import { Why } from '../../components/Why'
import type { Reason } from '../../lib/can'
import { visible } from '../../lib/text'

/** The images that the project has rejected, for a change of mind; nothing when there are none. */
export function RejectedImages({ nameOf, reason, accept }: { nameOf: (project: string) => string | undefined; reason: Reason; accept: (image: { id: string; name: string | null }) => void }) {
  const { t } = useTranslation()
  const { data } = useQuery(sharingQuery)
  if (!data?.rejected.length) return null
  return (
    <section className="card padded" aria-labelledby="rejected">
      <h2 id="rejected">{t('offer.rejectedTitle')}</h2>
      <p className="quiet">{t('offer.rejectedWhat')}</p>
      <ul className="doings">
        {data.rejected.map(({ id, name, owner, rejected_at }) => (
          <li key={id}>
            <div className="about"><div><Name>{name ?? id}</Name><div className="quiet small">{t('offer.by', { project: nameOf(owner) ?? t('offer.unknown') })} · <Ago at={rejected_at} /></div></div></div>
            <Why reason={reason}>
              <Button size="small" disabled={reason !== null} aria-label={t('offer.acceptOf', { name: visible(name ?? id) })} onClick={() => accept({ id, name })}>{t('offer.accept')}</Button>
            </Why>
          </li>
        ))}
      </ul>
    </section>
  )
}
