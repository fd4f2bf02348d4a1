import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Image } from '../../api/images'
import type { Instance } from '../../api/instances'
import { Name } from '../../components/Name'
import { ImageStatusBadge, InstanceStatusBadge } from '../../components/StatusBadge'
import { useSession } from '../../components/useSession'
import { paths } from '../../paths'

/** The instances that were launched from an image, and the images that were made from it. */
export function UsedBy({ instances, made }: { instances: Instance[]; made: Image[] }) {
  const { t } = useTranslation()
  const { runs_instances } = useSession()
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
    </div>
  )
}
