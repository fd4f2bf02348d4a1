import { CloseOutlined, LockOutlined } from '@ant-design/icons'
import { Button, Progress, type TableProps } from 'antd'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Image, Kind } from '../../api/images'
import type { Session } from '../../api/session'
import { Ago } from '../../components/Ago'
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

export function imageColumns(t: TFunction, kind: Kind, session: Session, uploads: Upload[]): TableProps<Image>['columns'] {
  const nameOf = (id: string) => session.projects.find((project) => project.id === id)?.name ?? id.slice(0, 8)
  return [
    {
      title: t('column.name'), key: 'name', sorter: true,
      render: (_, image) => (
        <span className="name-cell">
          <Link to={paths.image(image.id)}>{image.name ?? image.id}</Link>
          {image.protected && <LockOutlined role="img" aria-label={t('image.protected')} title={t('image.protected')} className="quiet" style={{ marginInlineStart: 6 }} />}
        </span>
      ),
    },
    {
      title: t('column.status'), key: 'status', width: 140,
      render: (_, image) => <Status image={image} upload={uploads.find(({ id }) => id === image.id)} />,
    },
    { title: t('column.os'), key: 'os', width: 108, ellipsis: true, render: (_, image) => osOf(image) },
    { title: t('column.size'), key: 'size', width: 92, align: 'right', sorter: true, render: (_, { size }) => <span className="number">{bytes(size)}</span> },
    { title: t('column.stored'), key: 'stored', width: 92, align: 'right', responsive: ['xl'], render: (_, { effigy }) => <span className="number">{bytes(effigy.stored_bytes)}</span> },
    kind === 'shared'
      ? { title: t('column.from'), key: 'owner', width: 116, ellipsis: true, render: (_, { owner }) => nameOf(owner) }
      : { title: t('column.visibility'), key: 'visibility', width: 116, render: (_, image) => <VisibilityTag image={image} /> },
    { title: t('column.verification'), key: 'verification', width: 132, render: (_, image) => <VerdictBadge image={image} /> },
    { title: t('column.age'), key: 'created_at', width: 104, sorter: true, render: (_, { created_at }) => <Ago at={created_at} /> },
  ]
}
