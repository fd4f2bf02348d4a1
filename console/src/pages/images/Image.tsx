import { useQuery } from '@tanstack/react-query'
import { Skeleton, Table, Tag } from 'antd'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'
import { isGone } from '../../api/errors'
import { type Image, imageQuery, type Member, membersQuery } from '../../api/images'
import { ActionsMenu } from '../../components/ActionsMenu'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { Missing } from '../../components/Missing'
import { NotFound } from '../../components/NotFound'
import { PageHead } from '../../components/PageHead'
import { ImageStatusBadge, VerdictBadge } from '../../components/StatusBadge'
import { useSession } from '../../components/useSession'
import { osOf } from '../../lib/os'
import { paths } from '../../paths'
import { Facts } from '../../ui/Facts'
import { ShareButton } from './ShareButton'
import { LineageCard } from './Lineage'
import { Notices } from './Notices'
import { Storage } from './Storage'
import { StoresCard } from './Stores'
import { useImageActions } from './useImageActions'
import { VerificationCard } from './Verification'
import { VisibilityTag } from './VisibilityTag'

/** The fields that are a record's own or said above; all others are properties. */
const RECORD = new Set([
  'id', 'name', 'status', 'visibility', 'protected', 'os_hidden', 'disk_format', 'container_format', 'min_disk', 'min_ram',
  'size', 'virtual_size', 'checksum', 'os_hash_algo', 'os_hash_value', 'owner', 'created_at', 'updated_at', 'tags', 'effigy',
  'self', 'file', 'schema', 'stores', 'os_glance_import_task', 'os_glance_importing_to_stores', 'os_glance_failed_import', 'effigy_public', 'effigy_public_why', 'effigy_sharing', 'effigy_sharing_why',
])

export function ImagePage() {
  const { t } = useTranslation()
  const { id = '' } = useParams()
  const query = useQuery(imageQuery(id))
  // It was there when the page was opened.
  if (query.data && isGone(query.error)) return <NotFound title={t('image.gone', { name: query.data.name ?? id })} />
  if (query.data) return <Details image={query.data} />
  if (query.error) return <Missing title={t('nav.images')} error={query.error} retry={() => void query.refetch()} />
  return <Skeleton active paragraph={{ rows: 8 }} />
}

function Details({ image }: { image: Image }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const session = useSession()
  const { actions, dialogs, share } = useImageActions([image], () => void navigate(paths.images))
  const properties = Object.entries(image).filter(([name]) => !RECORD.has(name))
  return (
    <>
      <PageHead title={image.name ?? image.id} status={<ImageStatusBadge image={image} />}>
        {session.sharing !== 'off' && <ShareButton {...share} />}
        <ActionsMenu label={t('images.more')} actions={actions} />
      </PageHead>
      <Notices image={image} />
      <div className="columns">
        <section className="card padded">
          <h2>{t('instance.facts')}</h2>
          <Facts
            facts={[
              [t('column.visibility'), <VisibilityTag key="v" image={image} />],
              [t('column.verification'), <VerdictBadge key="b" image={image} />],
              [t('column.os'), osOf(image)],
              [t('column.format'), image.disk_format ?? '–'],
              [t('image.minDisk'), image.min_disk ? `${image.min_disk} GiB` : '–'],
              [t('image.minRam'), image.min_ram ? `${image.min_ram} MiB` : '–'],
              [t('image.protected'), image.protected ? t('yes') : t('no')],
              [t('column.created'), <Ago key="a" at={image.created_at} />],
              ['ID', <span key="id" className="mono">{image.id}</span>],
            ]}
          />
        </section>
        <Storage image={image} />
        <LineageCard image={image} />
        <StoresCard image={image} />
        {image.visibility === 'shared' && session.sharing !== 'off' && <Members image={image} />}
      </div>
      {properties.length + image.tags.length > 0 && (
        <section className="card padded">
          <h2>{t('image.properties')}</h2>
          {image.tags.length > 0 && <p style={{ marginTop: 0 }}>{image.tags.map((tag) => <Tag key={tag}>{tag}</Tag>)}</p>}
          <Facts facts={properties.map(([name, value]) => [name, <span key={name} className="mono">{String(value)}</span>])} />
        </section>
      )}
      <VerificationCard image={image} />
      {dialogs}
    </>
  )
}

function Members({ image }: { image: Image }) {
  const { t } = useTranslation()
  const session = useSession()
  const { data, error, isPending } = useQuery(membersQuery(image.id))
  const nameOf = (id: string) => session.projects.find((project) => project.id === id)?.name ?? id
  return (
    <section className="card padded">
      <h2>{t('share.shared')}</h2>
      {error ? (
        <Failure error={error} />
      ) : (
        <Table<Member>
          size="small"
          rowKey="member_id"
          loading={isPending}
          dataSource={data}
          pagination={false}
          locale={{ emptyText: t('image.noMembers') }}
          columns={[
            { title: t('project.label'), render: (_, { member_id }) => nameOf(member_id) },
            { title: t('column.status'), render: (_, { status }) => t(`member.${status}`) },
            { title: t('column.when'), render: (_, { updated_at }) => <Ago at={updated_at} /> },
          ]}
        />
      )}
    </section>
  )
}
