import type { UseQueryResult } from '@tanstack/react-query'
import { Table } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Image, Member } from '../../api/images'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { useSession } from '../../components/useSession'

/** The projects that see an image. */
export function Sharing({ image, members }: { image: Image; members: UseQueryResult<Member[]> }) {
  const { t } = useTranslation()
  const session = useSession()
  const nameOf = (id: string) => session.projects.find((project) => project.id === id)?.name ?? <span className="mono">{id}</span>
  const { data, error, isPending } = members
  return (
    <section className="card padded" aria-label={t('imageTab.sharing')}>
      <p className="quiet lead">{t(`sees.${image.visibility}`)}</p>
      {image.visibility === 'shared' && (error ? <Failure error={error} /> : (
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
      ))}
    </section>
  )
}
