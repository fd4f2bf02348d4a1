import { CloseOutlined, LockOutlined } from '@ant-design/icons'
import { Button, Progress, type TableProps } from 'antd'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Image, Kind } from '../../api/images'
import type { Session } from '../../api/session'
import { Ago } from '../../components/Ago'
import { Name } from '../../components/Name'
import { ImageStatusBadge, VerdictBadge } from '../../components/StatusBadge'
import type { Upload } from '../../components/Uploads'
import { bytes } from '../../lib/bytes'
import { osOf } from '../../lib/os'
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

interface Shown {
  t: TFunction
  kind: Kind
  session: Session
  uploads: Upload[]
  /** The order, as the address has it: `name:asc`. */
  sort: string
  /** The width of the window, of `useWidth`. */
  width: number
}

/** The columns of a list of images, as many as leave a name room to be read. */
export function imageColumns({ t, kind, session, uploads, sort, width }: Shown): NonNullable<TableProps<Image>['columns']> {
  const nameOf = (id: string) => session.projects.find((project) => project.id === id)?.name ?? id.slice(0, 8)
  const sorted = (key: string) => ({ key, sorter: true, sortOrder: sort === `${key}:asc` ? 'ascend' as const : sort === `${key}:desc` ? 'descend' as const : null })
  const from = (least: number, ...columns: NonNullable<TableProps<Image>['columns']>) => (width >= least ? columns : [])
  const hasVisibility = kind === 'private' && width >= 1200
  // One that is held back says so, whatever columns there are.
  const held = (image: Image) => !hasVisibility && (image.effigy_public ?? image.effigy_sharing) && <VisibilityTag image={image} />
  return [
    {
      title: t('column.name'), ...sorted('name'), className: 'name-column',
      render: (_, image) => (
        <span className="name-cell">
          <Link to={paths.image(image.id)}><Name>{image.name ?? image.id}</Name></Link>
          {image.protected && <LockOutlined role="img" aria-label={t('image.protected')} title={t('image.protected')} className="quiet" style={{ marginInlineStart: 6 }} />}{' '}
          {held(image)}
        </span>
      ),
    },
    {
      title: t('column.status'), key: 'status', width: 140,
      render: (_, image) => <Status image={image} upload={uploads.find(({ id }) => id === image.id)} />,
    },
    ...from(1200, { title: t('column.os'), key: 'os', width: 124, ellipsis: true, render: (_, image) => osOf(image) }),
    ...from(992, { title: t('column.size'), ...sorted('size'), width: 92, align: 'right', render: (_, { size }) => <span className="number">{bytes(size)}</span> }),
    ...from(1500, { title: t('column.stored'), key: 'stored', width: 92, align: 'right', render: (_, { effigy }) => <span className="number">{bytes(effigy.stored_bytes)}</span> }),
    ...(kind === 'shared'
      ? from(768, { title: t('column.from'), key: 'owner', width: 116, ellipsis: true, render: (_, { owner }) => nameOf(owner) })
      : kind === 'private' ? from(1200, { title: t('column.visibility'), key: 'visibility', width: 116, render: (_, image) => <VisibilityTag image={image} /> })  : []),
    ...from(768, { title: t('column.verification'), key: 'verification', width: 132, render: (_, image) => <VerdictBadge image={image} /> }),
    { title: t('column.age'), ...sorted('created_at'), width: 112, render: (_, { created_at }) => <Ago at={created_at} /> },
  ]
}
