import { PlusOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Button, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { type Channel, channelsQuery } from '../../api/channels'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { PageHead } from '../../components/PageHead'
import { useSession } from '../../components/useSession'
import { useWidth } from '../../components/useWidth'
import { Why } from '../../components/Why'
import { canChange } from '../../lib/can'
import { paths } from '../../paths'
import { Empty } from '../../ui/Empty'
import { Ending } from '../../components/Ending'
import { Promote } from '../../components/Promote'

export function Channels() {
  const { t } = useTranslation()
  const canMake = canChange(useSession())
  const isWide = useWidth() >= 992
  const [isMaking, setMaking] = useState(false)
  const { data, error, isPending, refetch } = useQuery(channelsQuery)
  return (
    <>
      <PageHead title={t('channel.title')}>
        <Why reason={canMake ? null : 'readerOnly'}>
          <Button type="primary" icon={<PlusOutlined aria-hidden />} disabled={!canMake} onClick={() => setMaking(true)}>{t('channel.create')}</Button>
        </Why>
      </PageHead>
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <div className="card">
          <Table<Channel>
            size="middle"
            rowKey="id"
            loading={isPending}
            dataSource={data}
            pagination={false}
            tableLayout="fixed"
            locale={{ emptyText: isPending ? ' ' : <Empty title={t('channel.empty')} what={t('channel.emptyWhat')} /> }}
            columns={[
              { title: t('column.name'), render: (_, one) => <><span className="name-cell"><Link to={paths.channel(one.id)}><Name>{one.name}</Name></Link></span> <Ending of={one} /></> },
              { title: t('channel.release'), width: isWide ? 200 : 110, render: (_, { current }) => <Link className="number" to={paths.image(current.image)}>{current.number}</Link> },
              ...(isWide ? [{ title: t('column.visibility'), width: 140, render: (_: unknown, { current }: Channel) => t(`visibility.${current.visibility}`) }] : []),
              ...(isWide ? [{ title: t('channel.released'), width: 160, render: (_: unknown, { current }: Channel) => <Ago at={current.released_at} /> }] : []),
            ]}
          />
        </div>
      )}
      {isMaking && <Promote onClose={() => setMaking(false)} />}
    </>
  )
}
