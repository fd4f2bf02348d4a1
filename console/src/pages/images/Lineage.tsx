import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { ancestorsQuery, type Image } from '../../api/images'
import { Name } from '../../components/Name'
import { bytes } from '../../lib/bytes'
import { MOST_DRAWN, NODE, pictureOf, type Place } from '../../lib/lineage'
import { visible } from '../../lib/text'
import { paths } from '../../paths'
import { useRoom } from '../../ui/useRoom'

/** An image in the picture; without one: an image that is gone, or not the person's to see. */
interface Drawn {
  image?: Image
  isSelf?: boolean
}

/** Which images an image goes back to, and which were made from it: a picture whose every image is a link. */
export function Lineage({ image, made }: { image: Image; made: Image[] }) {
  const { t } = useTranslation()
  const base = typeof image.base_image_ref === 'string' ? image.base_image_ref : ''
  const { data: found = [] } = useQuery({ ...ancestorsQuery(image.id), enabled: base !== '' })
  const [at, room] = useRoom<HTMLDivElement>()
  const known = [...found].reverse()
  const isEndSeen = base === '' || (found.length > 0 && !found.at(-1)?.base_image_ref)
  const ancestors: Drawn[] = [...(isEndSeen ? [] : [{}]), ...known.map((one) => ({ image: one }))]
  const drawn: Drawn[] = [...ancestors, { image, isSelf: true }, ...made.slice(0, MOST_DRAWN).map((one) => ({ image: one }))]
  const { places, lines, width, height } = pictureOf(ancestors.length, Math.min(made.length, MOST_DRAWN), room)
  const names = (images: Image[]) => images.map(({ name, id }) => visible(name ?? id)).join(', ')
  const said = [
    base === '' ? t('lineage.first') : t('lineage.from', { names: known.length > 0 ? names(known) : t('image.unseen') }),
    made.length === 0 ? t('lineage.noneMade') : t('lineage.made', { names: names(made.slice(0, MOST_DRAWN)) }),
    made.length > MOST_DRAWN ? t('lineage.more', { count: made.length - MOST_DRAWN }) : '',
  ].join(' ').trim()
  return (
    <section className="card padded" aria-labelledby="lineage">
      <h2 id="lineage">{t('image.lineage')}</h2>
      <figure className="lineage" ref={at}>
        <div style={{ height, width: width ?? '100%' }}>
          <svg width={width ?? NODE.indent + 2} height={height} aria-hidden>{lines.map((line) => <path key={line} d={line} />)}</svg>
          <ol aria-label={t('image.lineage')}>
            {drawn.map(({ image, isSelf }, n) => <Node key={image?.id ?? ''} image={image} isSelf={isSelf} place={places[n] as Place} />)}
          </ol>
        </div>
        <figcaption className="quiet small">{said}</figcaption>
      </figure>
    </section>
  )
}

function Node({ image, isSelf, place: { left, top, width } }: Drawn & { place: Place }) {
  const { t } = useTranslation()
  const style = { left, top, height: NODE.height, ...(width === undefined ? { right: 0 } : { width }) }
  if (!image) return <li className="unseen-node quiet small" style={style}>{t('image.unseen')}</li>
  const more = <span className="quiet small number">{[t(`visibility.${image.visibility}`), bytes(image.virtual_size)].join(' · ')}</span>
  const name = <Name>{image.name ?? image.id}</Name>
  if (isSelf) return <li aria-current="true" style={style}><strong>{name}</strong>{more}</li>
  return <li style={style}><Link to={paths.image(image.id, 'storage')} title={visible(image.name ?? image.id)}>{name}</Link>{more}</li>
}
