import { Tag } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { Facts } from '../../ui/Facts'

/** The fields that are a record's own, or said elsewhere on the page; all others are properties. */
const RECORD = new Set([
  'id', 'name', 'status', 'visibility', 'protected', 'os_hidden', 'disk_format', 'container_format', 'min_disk', 'min_ram',
  'size', 'virtual_size', 'checksum', 'os_hash_algo', 'os_hash_value', 'owner', 'created_at', 'updated_at', 'tags', 'effigy',
  'self', 'file', 'schema', 'stores', 'os_glance_import_task', 'os_glance_importing_to_stores', 'os_glance_failed_import', 'effigy_public', 'effigy_public_why', 'effigy_sharing', 'effigy_sharing_why',
])

export const propertiesOf = (image: Image) => Object.entries(image).filter(([name]) => !RECORD.has(name))

/** The words that people and programs put beside an image. */
export function Properties({ image }: { image: Image }) {
  const { t } = useTranslation()
  const properties = propertiesOf(image)
  return (
    <section className="card padded" aria-label={t('image.properties')}>
      {properties.length + image.tags.length === 0 && <p className="quiet">{t('image.noProperties')}</p>}
      {image.tags.length > 0 && <p className="tags">{image.tags.map((tag) => <Tag key={tag}>{tag}</Tag>)}</p>}
      <Facts facts={properties.map(([name, value]) => [name, <span key={name} className="mono">{String(value)}</span>])} />
    </section>
  )
}
