import { Button, Tag } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import type { Action } from '../../components/ActionsMenu'
import { Why } from '../../components/Why'
import { propertiesOf } from '../../lib/properties'
import { visible } from '../../lib/text'
import { Facts } from '../../ui/Facts'

/** The words that people and programs put beside an image, and the way to change them. */
export function Properties({ image, edit }: { image: Image; edit?: Action }) {
  const { t } = useTranslation()
  const properties = propertiesOf(image)
  return (
    <section className="card padded" aria-label={t('image.properties')}>
      <div className="card-head">
        <h2>{t('image.properties')}</h2>
        {edit && <Why reason={edit.reason}><Button size="small" disabled={edit.reason !== null} onClick={edit.run}>{t('editImage.edit')}</Button></Why>}
      </div>
      {properties.length + image.tags.length === 0 && <p className="quiet">{t('image.noProperties')}</p>}
      {image.tags.length > 0 && <p className="tags">{image.tags.map((tag) => <Tag key={tag}>{visible(tag)}</Tag>)}</p>}
      <Facts facts={properties.map(([name, value]) => [name, <span key={name} className="mono">{String(value)}</span>])} />
    </section>
  )
}
