import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { ancestorsQuery, descendantsQuery, type Image } from '../../api/images'
import { instancesOfImageQuery } from '../../api/instances'
import { InstanceStatusBadge } from '../../components/StatusBadge'
import { useSession } from '../../components/useSession'
import { paths } from '../../paths'
import { Facts } from '../../ui/Facts'

/** From which image and instance it was made, and what was made from it. */
export function LineageCard({ image }: { image: Image }) {
  const { t } = useTranslation()
  const base = typeof image.base_image_ref === 'string' ? image.base_image_ref : ''
  const instance = typeof image.instance_uuid === 'string' ? image.instance_uuid : ''
  const { data: ancestors = [] } = useQuery({ ...ancestorsQuery(image.id), enabled: base !== '' })
  const { data: made = [] } = useQuery(descendantsQuery(image.id))
  const { runs_instances } = useSession()
  const { data: instances = [] } = useQuery({ ...instancesOfImageQuery(image.id), enabled: runs_instances })
  const isEndSeen = !ancestors.at(-1)?.base_image_ref
  return (
    <section className="card padded" aria-labelledby="lineage">
      <h2 id="lineage">{t('image.lineage')}</h2>
      <ol className="lineage" aria-label={t('image.lineage')}>
        {base !== '' && (!isEndSeen || ancestors.length === 0) && <li className="quiet">{t('image.unseen')}</li>}
        {[...ancestors].reverse().map(({ id, name }) => <li key={id}><Link to={paths.image(id)}>{name ?? id}</Link></li>)}
        <li aria-current="true"><strong>{image.name ?? image.id}</strong></li>
        {made.length > 0 && (
          <li>
            <ul>{made.map(({ id, name }) => <li key={id}><Link to={paths.image(id)}>{name ?? id}</Link></li>)}</ul>
          </li>
        )}
      </ol>
      <Facts
        facts={[
          [t('image.origin'), base === '' ? t('image.uploaded') : t('image.cast')],
          [t('image.fromInstance'), instance ? <Link className="mono" to={paths.instance(instance)}>{instance}</Link> : '–'],
          [
            t('image.launched'),
            instances.length === 0
              ? '–'
              : instances.map((one) => (
                  <div key={one.id} className="row"><Link to={paths.instance(one.id)}>{one.name}</Link> <InstanceStatusBadge instance={one} /></div>
                )),
          ],
        ]}
      />
    </section>
  )
}
