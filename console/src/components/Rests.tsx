import { useQueries } from '@tanstack/react-query'
import { Alert, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { instancesOfImageQuery } from '../api/instances'
import { referencesQuery } from '../api/shares'
import { bytes } from '../lib/bytes'
import { together, type Together } from '../lib/rests'
import { visible } from '../lib/text'
import { paths } from '../paths'
import { Name } from './Name'
import { Told } from './Told'
import { useErrorText } from './useFail'
import { useProjectNames } from './useProjectNames'
import { useSession } from './useSession'

/** So many images are looked into before something is done to them; more are only named. */
export const MOST_LOOKED_INTO = 10
/** So many things are named in a line. */
const MOST_NAMED = 8

/** Before these acts it is told what rests on an image. */
export type Act = 'delete' | 'deactivate' | 'end'

interface Of {
  images: { id: string; stored: number | null }[]
  act: Act
  /** The dialog that it stands in goes when a link is followed. */
  onLeave?: () => void
  /** The page names the project's own things beside it. */
  isBeside?: boolean
}

/** Asks what rests on these images. */
export function useRests(images: { id: string }[]) {
  const session = useSession()
  const looked = images.slice(0, MOST_LOOKED_INTO)
  const asked = useQueries({ queries: looked.map(({ id }) => referencesQuery(id)) })
  // The instances of a cloud are its Compute service's, and it alone knows those of this project.
  const ofCloud = useQueries({ queries: session.of_cloud && session.runs_instances ? looked.map(({ id }) => ({ ...instancesOfImageQuery(id), retry: false })) : [] })
  const found = asked.flatMap(({ data }) => data ?? [])
  const rests = together(found, images.map(({ id }) => id))
  const own = ofCloud.flatMap(({ data }) => data ?? [])
  return {
    rests: session.of_cloud ? { ...rests, instances: { own, own_count: own.length, elsewhere: 0 } } : rests,
    isPending: asked.some(({ isPending }) => isPending) || ofCloud.some(({ isPending }) => isPending),
    error: [...asked, ...ofCloud].find(({ error }) => error)?.error,
    isWhole: looked.length === images.length && found.length === looked.length,
  }
}

/** The things that rest on images, in plain words, and what an act makes of them. */
export function Rests({ images, act, onLeave, isBeside }: Of) {
  const { t } = useTranslation()
  const session = useSession()
  const text = useErrorText()
  const { rests, isPending, error, isWhole } = useRests(images)
  if (isPending) return <Skeleton active title={false} paragraph={{ rows: 3 }} />
  if (error) return <Alert type="warning" showIcon title={t('rests.unknown')} description={text(error).what} />
  if (act === 'end' && (rests.instances.elsewhere === 0 || !session.runs_instances)) return null
  const stored = images.reduce((sum, { stored }) => sum + (stored ?? 0), 0)
  const { frees } = rests
  const space = !isWhole || frees === null ? t('images.delete.space', { size: bytes(stored) }) : t(frees < stored ? 'images.delete.frees' : 'rests.frees', { size: bytes(frees), stored: bytes(stored) })
  return (
    <ul className="plain-list rests">
      {act === 'delete' && rests.refused.map((why) => <li key={why} className="refused"><strong>{t('rests.refused')}</strong> <Told>{why}</Told></li>)}
      <Instances rests={rests} act={act} onLeave={onLeave} isBeside={isBeside} />
      {act !== 'end' && <Receivers rests={rests} act={act} />}
      {act === 'delete' && <Made rests={rests} onLeave={onLeave} isBeside={isBeside} />}
      {act !== 'end' && rests.releases.map(({ channel, name, number, is_current }) => (
        <li key={`${channel}/${number}`}>
          {t(act === 'delete' ? 'rests.release' : is_current ? 'rests.releaseCurrent' : 'rests.releaseOlder', { number })} <Link to={paths.channel(channel)} onClick={onLeave}><Name>{name}</Name></Link>
        </li>
      ))}
      {act === 'delete' && rests.stores.length > 1 && <li>{t('rests.stores', { names: rests.stores.join(', ') })}</li>}
      {act === 'delete' && rests.work.map((work) => <li key={work}>{t('rests.work', { what: t(`doing.image.${work as 'copy'}`) })}</li>)}
      {act === 'delete' && <li>{space}</li>}
      {!isWhole && <li className="quiet">{t('rests.some', { count: MOST_LOOKED_INTO })}</li>}
    </ul>
  )
}

type Part = Pick<Of, 'onLeave' | 'isBeside'> & { rests: Together }

function Instances({ rests: { instances, breaks }, act, onLeave, isBeside }: Part & { act: Act }) {
  const { t } = useTranslation()
  const { runs_instances } = useSession()
  if (!runs_instances) return null
  const { own, own_count: count, elsewhere } = instances
  const hasOwn = count > 0 && act !== 'end'
  return (
    <>
      {!isBeside && hasOwn && <li>{t('rests.instances', { count })} <Named things={own.map(({ id, name }) => ({ name, to: paths.instance(id) }))} count={count} onLeave={onLeave} /></li>}
      {!isBeside && count === 0 && act !== 'end' && <li>{t('images.delete.noInstances')}</li>}
      {elsewhere > 0 && <li>{t('rests.instancesElsewhere', { count: elsewhere })}</li>}
      {act === 'delete' && (breaks.includes('rebuilds') || count > 0) && <li>{t('rests.noRebuild')}</li>}
      {act === 'deactivate' && count + elsewhere > 0 && <li>{t('rests.noRebuildNow')}</li>}
    </>
  )
}

function Receivers({ rests: { receivers, open }, act }: { rests: Together; act: Act }) {
  const { t } = useTranslation()
  const nameOf = useProjectNames(receivers.length > 0)
  const names = receivers.map(({ project_id: id, project_name: name }) => visible(nameOf(id) ?? name ?? id)).join(', ')
  return (
    <>
      {receivers.length > 0 && <li><strong>{t(act === 'delete' ? 'ends.deleted' : 'rests.paused', { count: receivers.length, names })}</strong></li>}
      {open > 0 && <li>{t(act === 'delete' ? 'rests.offersGone' : 'rests.offersPaused', { count: open })}</li>}
    </>
  )
}

function Made({ rests: { images: { own, own_count: count, elsewhere } }, onLeave, isBeside }: Part) {
  const { t } = useTranslation()
  return (
    <>
      {!isBeside && count > 0 && <li>{t('rests.images', { count })} <Named things={own.map(({ id, name }) => ({ name: name ?? id, to: paths.image(id) }))} count={count} onLeave={onLeave} /></li>}
      {elsewhere > 0 && <li>{t('rests.imagesElsewhere', { count: elsewhere })}</li>}
    </>
  )
}

/** Links to some things, and how many more there are. */
function Named({ things, count, onLeave }: { things: { name: string; to: string }[]; count: number; onLeave?: () => void }) {
  const { t } = useTranslation()
  const shown = things.slice(0, MOST_NAMED)
  return (
    <>
      {shown.map(({ name, to }, at) => <span key={to}>{at > 0 && ', '}<Link to={to} onClick={onLeave}><Name>{name}</Name></Link></span>)}
      {count > shown.length && ` ${t('rests.more', { count: count - shown.length })}`}
    </>
  )
}
