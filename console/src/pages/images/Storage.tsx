import { useQuery } from '@tanstack/react-query'
import { Typography } from 'antd'
import { useTranslation } from 'react-i18next'
import { figuresQuery, type Image } from '../../api/images'
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
      {isOwn && (
        <div className="meter" role="img" aria-label={figures && t('image.meter', { unique: bytes(figures.unique_bytes), shared: bytes(figures.shared_bytes) })}>
          <span style={{ flexGrow: figures?.unique_bytes ?? 0 }} />
          <span className="shared" style={{ flexGrow: figures?.shared_bytes ?? 0 }} />
        </div>
      )}
      <Facts
        facts={[
          [t('image.disk'), bytes(image.virtual_size)],
          [t('image.file'), bytes(image.size)],
          [t('image.stored'), bytes(figures?.stored_bytes ?? image.effigy.stored_bytes)],
          ...(isOwn
            ? ([
                [t('image.unique'), <Figure key="u" mark="unique" value={figures?.unique_bytes} />],
                [t('image.shared'), <Figure key="s" mark="shared" value={figures?.shared_bytes} />],
              ] satisfies [string, React.ReactNode][])
            : []),
          [algorithm, <Hash key="h" of={algorithm} value={image.os_hash_value} later={later} />],
          ['MD5', <Hash key="m" of="MD5" value={image.checksum} later={later} />],
        ]}
      />
    </section>
  )
}

/** As much of it as fits, and the whole of it to copy. */
function Hash({ of, value, later }: { of: string; value: string | null; later: string }) {
  const { t } = useTranslation()
  if (value === null) return later
  return <Typography.Text className="mono hash" copyable={{ text: value, tooltips: [t('copy', { what: of }), t('copied')] }} ellipsis={{ tooltip: value }}>{value}</Typography.Text>
}

function Figure({ mark, value }: { mark: string; value: number | undefined }) {
  return <span className="number"><i className={`key ${mark}`} aria-hidden />{bytes(value)}</span>
}
