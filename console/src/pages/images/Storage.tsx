import { useQuery } from '@tanstack/react-query'
import { Typography } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Figures, figuresQuery, type Image } from '../../api/images'
import { useSession } from '../../components/useSession'
import { bytes } from '../../lib/bytes'
import { canWithImage } from '../../lib/can'
import { Facts } from '../../ui/Facts'

/** How much an image holds, how much of it is stored, and how much of that is its alone. */
export function Storage({ image }: { image: Image }) {
  const { t } = useTranslation()
  const session = useSession()
  const isOwn = canWithImage('edit', image, session) === null && (image.status === 'active' || image.status === 'deactivated')
  const { data: figures } = useQuery({ ...figuresQuery(image.id), enabled: isOwn })
  const algorithm = image.os_hash_algo?.toUpperCase() ?? 'SHA512'
  const later = image.size === null ? '–' : t('image.hashLater')
  return (
    <section className="card padded" aria-labelledby="storage">
      <h2 id="storage">{t('image.storage')}</h2>
      {isOwn && <Kept figures={figures} />}
      <Facts
        facts={[
          [t('image.disk'), bytes(image.virtual_size)],
          [t('image.file'), bytes(image.size)],
          [t('image.stored'), bytes(figures?.stored_bytes ?? image.effigy.stored_bytes)],
          [algorithm, <Hash key="h" of={algorithm} value={image.os_hash_value} later={later} />],
          ['MD5', <Hash key="m" of="MD5" value={image.checksum} later={later} />],
        ]}
      />
    </section>
  )
}

/** The stored bytes as one bar: the image's alone, and those that other images have too. */
function Kept({ figures }: { figures: Figures | undefined }) {
  const { t } = useTranslation()
  const { stored_bytes: stored = 0, unique_bytes: unique = 0, shared_bytes: shared = 0, compared_with: others = 0 } = figures ?? {}
  const part = (count: number) => (stored === 0 ? '' : ` · ${Math.round((count / stored) * 100)} %`)
  return (
    <figure className="kept">
      <div className="meter" {...(figures && { role: 'img', 'aria-label': t('image.meter', { unique: bytes(unique), shared: bytes(shared) }) })}>
        <span style={{ flexGrow: unique }} />
        <span className="shared" style={{ flexGrow: shared }} />
      </div>
      <figcaption>
        <span><i className="key unique" aria-hidden /><strong className="number">{bytes(figures && unique)}</strong><span className="number">{part(unique)}</span> <span className="quiet">{t('image.unique')}</span></span>
        <span><i className="key shared" aria-hidden /><strong className="number">{bytes(figures && shared)}</strong><span className="number">{part(shared)}</span> <span className="quiet">{t('image.sharedOf', { count: others })}</span></span>
      </figcaption>
    </figure>
  )
}

/** As much of it as fits, and the whole of it to copy. */
function Hash({ of, value, later }: { of: string; value: string | null; later: string }) {
  const { t } = useTranslation()
  if (value === null) return later
  return <Typography.Text className="mono hash" copyable={{ text: value, tooltips: [t('copy', { what: of }), t('copied')] }} ellipsis={{ tooltip: value }}>{value}</Typography.Text>
}
