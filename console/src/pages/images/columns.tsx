import { CloseOutlined, LockOutlined } from '@ant-design/icons'
import { Button, Progress, type TableProps, Tag } from 'antd'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Image, ImagesTab } from '../../api/images'
import type { Offer as Terms } from '../../api/shares'
import { Ago } from '../../components/Ago'
import { Name } from '../../components/Name'
import { OfferTerms } from '../../components/OfferTerms'
import { ImageStatusBadge, StatusMark, VerdictBadge } from '../../components/StatusBadge'
import type { Upload } from '../../components/Uploads'
import type { Choosable } from '../../components/useColumns'
import { bytes } from '../../lib/bytes'
import { osOf } from '../../lib/os'
import { visible } from '../../lib/text'
import { paths } from '../../paths'
import { VisibilityTag } from './VisibilityTag'

function Status({ image, upload }: { image: Image; upload?: Upload }) {
  const { t } = useTranslation()
  if (!upload) return <ImageStatusBadge image={image} />
  return (
    <span className="uploading">
      <Progress percent={Math.floor((upload.sent / (upload.size || 1)) * 100)} size="small" aria-label={upload.name} style={{ margin: 0 }} />
      <Button size="small" type="text" icon={<CloseOutlined />} aria-label={t('upload.cancel')} onClick={upload.cancel} />
    </span>
  )
}

type Column = NonNullable<TableProps<Image>['columns']>[number]

/** Where an offer is from, its terms, and the two answers to it. */
function Offer({ image, by, terms, answer }: { image: Image; by?: string; terms?: Terms; answer: Shown['offers']['answer'] }) {
  const { t } = useTranslation()
  const name = visible(image.name ?? image.id)
  return (
    <div className="offer">
      <span className="quiet">{t('offer.by', { project: by ?? t('offer.unknown') })}</span>
      {terms && (terms.expires_at ?? terms.note) && <div className="offer-terms"><OfferTerms of={terms} isShort /></div>}
      {answer && <Button size="small" type="primary" aria-label={t('offer.acceptOf', { name })} onClick={() => answer(image, 'accepted')}>{t('offer.accept')}</Button>}
      {answer && <Button size="small" aria-label={t('offer.rejectOf', { name })} onClick={() => answer(image, 'rejected')}>{t('offer.reject')}</Button>}
    </div>
  )
}

interface Shown {
  t: TFunction
  uploads: Upload[]
  /** The order, as the address has it: `name:asc`. */
  sort: string
  /** Whether these are the images of all projects. */
  everywhere: boolean
  /** The keys of the columns that are shown. */
  shown: string[]
  /** A project's name, as far as this one is told it. */
  nameOf: (project: string) => string | undefined
  /** The images that wait for an answer, and the way to give it; none where the person may only look. */
  offers: { ids: string[]; terms?: Terms[]; answer?: (image: Image, status: 'accepted' | 'rejected') => void }
}

/** The columns that a person may choose, and the width from which on each leaves a name room to be read. */
export const choosableColumns = (kind: ImagesTab): Choosable[] => [
  { key: 'status', from: 0 },
  { key: 'os', from: kind === 'all' ? 1500 : 1200 },
  { key: 'size', from: kind === 'private' ? 1200 : 992 },
  { key: 'stored', from: 1500 },
  ...(kind === 'private' || kind === 'all' ? [{ key: 'visibility', from: kind === 'private' ? 992 : 1200 }] : []),
  ...(kind === 'private' ? [] : [{ key: 'owner', from: kind === 'public' ? undefined : kind === 'all' ? 1200 : 768 }]),
  { key: 'verification', from: 768 },
  { key: 'created_at', from: 0 },
  { key: 'updated_at' },
  { key: 'format' },
  { key: 'tags' },
  { key: 'id' },
]

/** The columns of a list of images. */
export function imageColumns({ t, uploads, sort, everywhere, shown, nameOf, offers }: Shown): NonNullable<TableProps<Image>['columns']> {
  const sorted = (key: string) => ({ key, sorter: true, sortOrder: sort === `${key}:asc` ? 'ascend' as const : sort === `${key}:desc` ? 'descend' as const : null })
  const hasVisibility = shown.includes('visibility')
  // One that is held back says so, whatever columns there are.
  const held = (image: Image) => !hasVisibility && (image.os_effigy_public ?? image.os_effigy_sharing) && <VisibilityTag image={image} />
  const name: Column = {
    title: t('column.name'), ...sorted('name'), className: 'name-column',
    render: (_, image) => (
      <div className="name-cell">
        <Link to={paths.image(image.id)}><Name>{image.name ?? image.id}</Name></Link>
        {image.protected && <LockOutlined role="img" aria-label={t('image.protected')} title={t('image.protected')} className="quiet" style={{ marginInlineStart: 6 }} />}{' '}
        {held(image)}
        {everywhere && !shown.includes('owner') && <div className="quiet small"><Name>{nameOf(image.owner) ?? image.owner.slice(0, 8)}</Name></div>}
        {offers.ids.includes(image.id) && <Offer image={image} by={nameOf(image.owner)} terms={offers.terms?.find((one) => one.image === image.id)} answer={offers.answer} />}
      </div>
    ),
  }
  const number = (key: string, title: string, of: (image: Image) => number | null): Column => ({ title, key, width: 92, align: 'right', render: (_, image) => <span className="number">{bytes(of(image))}</span> })
  const others: Column[] = [
    { title: t('column.status'), key: 'status', width: 140, render: (_, image) => (offers.ids.includes(image.id) ? <StatusMark mood="warn">{t('offer.status')}</StatusMark> : <Status image={image} upload={uploads.find(({ id }) => id === image.id)} />) },
    { title: t('column.os'), key: 'os', width: 124, ellipsis: true, render: (_, image) => osOf(image) },
    { ...number('size', t('column.size'), ({ size }) => size), ...sorted('size') },
    number('stored', t('column.stored'), ({ effigy }) => effigy.stored_bytes),
    { title: t(everywhere ? 'project.label' : 'column.from'), key: 'owner', width: 116, ellipsis: true, render: (_, { owner }) => nameOf(owner) ?? owner.slice(0, 8) },
    { title: t('column.visibility'), key: 'visibility', width: 116, render: (_, image) => <VisibilityTag image={image} /> },
    { title: t('column.verification'), key: 'verification', width: 146, render: (_, image) => <VerdictBadge image={image} /> },
    { title: t('column.age'), ...sorted('created_at'), width: 112, render: (_, { created_at }) => <Ago at={created_at} /> },
    { title: t('list.updated'), ...sorted('updated_at'), width: 112, render: (_, { updated_at }) => <Ago at={updated_at} /> },
    { title: t('column.format'), key: 'format', width: 92, render: (_, { disk_format }) => disk_format ?? '–' },
    { title: t('list.tag'), key: 'tags', width: 150, render: (_, { tags }) => tags.map((tag) => <Tag key={tag}>{visible(tag)}</Tag>) },
    { title: 'ID', key: 'id', width: 290, render: (_, { id }) => <span className="mono">{id}</span> },
  ]
  return [name, ...others.filter(({ key }) => shown.includes(String(key)))]
}
