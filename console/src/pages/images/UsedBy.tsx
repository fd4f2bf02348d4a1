import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Image } from '../../api/images'
import type { Instance } from '../../api/instances'
import { Name } from '../../components/Name'
import { Rests } from '../../components/Rests'
import { ImageStatusBadge, InstanceStatusBadge } from '../../components/StatusBadge'
import { useSession } from '../../components/useSession'
import { canWithImage } from '../../lib/can'
import { paths } from '../../paths'

/** The instances that were launched from an image, the images that were made from it, and for those who may change it what else rests on it. */
export function UsedBy({ image, instances, made }: { image: Image; instances: Instance[]; made: Image[] }) {
  const { t } = useTranslation()
  const session = useSession()
  const { runs_instances } = session
  return (
    <div className="columns">
      {runs_instances && (
        <section className="card padded" aria-labelledby="launched">
          <h2 id="launched">{t('image.launched')}</h2>
          {instances.length === 0 && <p className="quiet">{t('image.noneLaunched')}</p>}
          <ul className="lines">{instances.map((one) => <li key={one.id}><Link to={paths.instance(one.id)}><Name>{one.name}</Name></Link><InstanceStatusBadge instance={one} /></li>)}</ul>
        </section>
      )}
      <section className="card padded" aria-labelledby="made">
        <h2 id="made">{t('image.made')}</h2>
        {made.length === 0 && <p className="quiet">{t('image.noneMade')}</p>}
        <ul className="lines">{made.map((one) => <li key={one.id}><Link to={paths.image(one.id)}><Name>{one.name ?? one.id}</Name></Link><ImageStatusBadge image={one} /></li>)}</ul>
      </section>
      {canWithImage('edit', image, session) === null && (
        <section className="card padded" aria-labelledby="rests">
          <h2 id="rests">{t('rests.title')}</h2>
          <Rests act="delete" images={[{ id: image.id, stored: image.effigy.stored_bytes }]} isBeside />
        </section>
      )}
    </div>
  )
}
