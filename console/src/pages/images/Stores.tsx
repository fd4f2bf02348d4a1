import { CopyOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Button, Tag } from 'antd'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Image, isBeingMade } from '../../api/images'
import { importFailureQuery, namesIn, type Store } from '../../api/stores'
import { StatusMark } from '../../components/StatusBadge'
import { Told } from '../../components/Told'
import { useSession } from '../../components/useSession'
import { useStores } from '../../components/useStores'
import { Why } from '../../components/Why'
import { canCopy, canRemoveFrom } from '../../lib/can'
import { CopyImage } from './CopyImage'
import { RemoveFromStore } from './RemoveFromStore'

/** Which of several stores have an image, are getting it, or could not; not there where there is but one. */
export function StoresCard({ image }: { image: Image }) {
  const { t } = useTranslation()
  const session = useSession()
  const stores = useStores()
  const [isCopying, setCopying] = useState(false)
  const [leaving, setLeaving] = useState<string>()
  const has = namesIn(image.stores)
  const coming = namesIn(image.os_glance_importing_to_stores).filter((name) => !has.includes(name))
  const failed = namesIn(image.os_glance_failed_import).filter((name) => !has.includes(name) && !coming.includes(name))
  if (stores.length === 0) return null
  const reason = canCopy(image, stores, session)
  return (
    <section className="card padded" aria-labelledby="stores">
      <div className="card-head">
        <h2 id="stores">{t('stores.title')}</h2>
        {session.is_admin && (
          <Why reason={reason}>
            <Button size="small" icon={<CopyOutlined aria-hidden />} disabled={reason !== null} onClick={() => setCopying(true)}>{t('stores.copy')}</Button>
          </Why>
        )}
      </div>
      {has.length + coming.length + failed.length === 0 && <p className="quiet">{t('stores.none')}</p>}
      <ul className="stores">
        {has.map((name) => <Row key={name} name={name} stores={stores}><Remove name={name} image={image} stores={stores} onOpen={() => setLeaving(name)} /></Row>)}
        {coming.map((name) => <Row key={name} name={name} stores={stores}><StatusMark mood="moving">{t(isBeingMade(image) ? 'status.importing' : 'stores.coming')}</StatusMark></Row>)}
        {failed.map((name) => <Row key={name} name={name} stores={stores}><StatusMark mood="bad">{t('outcome.failed')}</StatusMark></Row>)}
      </ul>
      {failed.length > 0 && !image.effigy.reason && <WhyFailed image={image} />}
      {isCopying && <CopyImage image={image} stores={stores} onClose={() => setCopying(false)} />}
      {leaving && <RemoveFromStore image={image} store={leaving} onClose={() => setLeaving(undefined)} />}
    </section>
  )
}

function Row({ name, stores, children }: { name: string; stores: Store[]; children: ReactNode }) {
  const { t } = useTranslation()
  const store = stores.find(({ id }) => id === name)
  return (
    <li>
      <div>
        <span className="store-name">{name}</span>
        {store?.default && <Tag>{t('stores.default')}</Tag>}
        <div className="quiet small">{store ? <Told>{store.description}</Told> : t('reason.storeGone')}</div>
      </div>
      {children}
    </li>
  )
}

function Remove({ name, image, stores, onOpen }: { name: string; image: Image; stores: Store[]; onOpen: () => void }) {
  const { t } = useTranslation()
  const session = useSession()
  const reason = canRemoveFrom(name, image, stores, session)
  return (
    <Why reason={reason}>
      <Button size="small" disabled={reason !== null} aria-label={`${t('stores.remove')}: ${name}`} onClick={onOpen}>{t('stores.remove')}</Button>
    </Why>
  )
}

/** The service's own words. */
function WhyFailed({ image }: { image: Image }) {
  const { data: why } = useQuery(importFailureQuery(image.id))
  return why ? <p className="quiet small" style={{ marginTop: 4 }}>{why}</p> : null
}
