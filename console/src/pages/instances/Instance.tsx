import { useQuery } from '@tanstack/react-query'
import { Alert, Skeleton, Table, Tabs, Tag } from 'antd'
import { lazy, type ReactNode, Suspense, useCallback, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate, useParams } from 'react-router'
import { isGone } from '../../api/errors'
import { imageQuery, imagesOfInstanceQuery } from '../../api/images'
import { type ActionRecord, actionsQuery, consoleAddress, guestRestartsQuery, type Instance, instanceQuery, isRunning } from '../../api/instances'
import { ActionsMenu } from '../../components/ActionsMenu'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { Missing } from '../../components/Missing'
import { NotFound } from '../../components/NotFound'
import { PageHead } from '../../components/PageHead'
import { ImageStatusBadge, InstanceStatusBadge } from '../../components/StatusBadge'
import { useSession } from '../../components/useSession'
import { Told } from '../../components/Told'
import { visible } from '../../lib/text'
import { paths } from '../../paths'
import { Facts } from '../../ui/Facts'
import { CloudScreen } from './CloudScreen'
import { Connect } from './Connect'
import { ConsoleLog } from './ConsoleLog'
import { flavorText } from './Instances'
import { StateNotice } from './StateNotice'
import { useInstanceActions } from './useInstanceActions'

/** The address that a guest has in a network of its own, if it has one. */
const addressOf = (instance: Instance) =>
  Object.values(instance.addresses).flat().map(({ addr }) => addr).join(', ') || '–'

/** A guest that restarted itself so often is stuck: it does not come up, and begins anew. */
const MANY = 3

const Screen = lazy(async () => ({ default: (await import('./Screen')).Screen }))
const Serial = lazy(async () => ({ default: (await import('./Serial')).Serial }))

export function InstancePage() {
  const { t } = useTranslation()
  const { id = '' } = useParams()
  const query = useQuery(instanceQuery(id))
  // It was there when the page was opened.
  if (query.data && isGone(query.error)) return <NotFound title={t('instance.gone', { name: query.data.name })} />
  if (query.data) return <Details instance={query.data} />
  if (query.error) return <Missing title={t('nav.instances')} error={query.error} retry={() => void query.refetch()} />
  return <Skeleton active paragraph={{ rows: 8 }} />
}

function Details({ instance }: { instance: Instance }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { of_cloud: ofCloud } = useSession()
  const [tab, setTab] = useState('log')
  const { actions, dialogs } = useInstanceActions([instance], () => void navigate(paths.instances))
  const imageId = instance.image === '' ? '' : instance.image.id
  // It does not change while this page is open; one that is gone, or no longer to be seen, has no name.
  const image = useQuery({ ...imageQuery(imageId), enabled: imageId !== '', refetchInterval: false }).data
  const runs = isRunning(instance)
  const screen = useCallback(() => consoleAddress(instance.id, 'vnc'), [instance.id])
  const whileRunning = (child: ReactNode) =>
    runs ? <Suspense fallback={<div className="screen" />}>{child}</Suspense> : <Alert type="info" showIcon title={t(instance.status === 'PAUSED' ? 'console.paused' : 'console.notRunning')} />
  const restarts = useQuery({ ...guestRestartsQuery(instance.id), enabled: runs && !ofCloud }).data ?? 0
  const imageLink = imageId ? <Link to={paths.image(imageId)}>{image?.name ?? imageId}</Link> : '–'
  return (
    <>
      <PageHead title={instance.name} status={<InstanceStatusBadge instance={instance} />}>
        <ActionsMenu label={t('instances.more')} actions={actions} />
      </PageHead>
      {instance.fault && <Alert type={instance.status === 'SHUTOFF' || instance.status === 'VERIFY_RESIZE' ? 'warning' : 'error'} showIcon className="notice" title={<Told>{instance.fault.message}</Told>} />}
      <StateNotice instance={instance} />
      {runs && restarts > 0 && <Alert type={restarts < MANY ? 'info' : 'warning'} showIcon className="notice" title={t('instance.restarted', { count: restarts })} description={restarts < MANY ? undefined : t('instance.restartedWhy')} />}
      <Connect instance={instance} image={image} />
      <div className="columns">
        <section className="card padded">
          <h2>{t('instance.facts')}</h2>
          <Facts
            facts={[
              [t('column.image'), imageLink],
              [t('column.flavor'), flavorText(instance.flavor)],
              [t('instance.address'), addressOf(instance)],
              [t('launch.keyPair'), instance.key_name ?? '–'],
              [t('column.created'), <Ago key="a" at={instance.created} />],
              ...(instance.tags.length > 0 ? [[t('list.tag'), instance.tags.map((tag) => <Link key={tag} to={paths.instancesTagged(tag)}><Tag>{visible(tag)}</Tag></Link>)] satisfies [string, ReactNode]] : []),
              ['ID', <span key="id" className="mono">{instance.id}</span>],
            ]}
          />
        </section>
        <ImagesMade id={instance.id} />
      </div>
      <section className="card padded">
        <Tabs
          activeKey={tab}
          onChange={setTab}
          destroyOnHidden
          items={[
            { key: 'log', label: t('console.log'), children: <ConsoleLog instance={instance} /> },
            { key: 'screen', label: t('console.screen'), children: whileRunning(ofCloud ? <CloudScreen id={instance.id} /> : <Screen address={screen} />) },
            { key: 'serial', label: t('console.serial'), children: ofCloud ? <p className="quiet">{t('cloud.serial')}</p> : whileRunning(<Serial id={instance.id} />) },
            { key: 'history', label: t('instance.history'), children: <History id={instance.id} /> },
          ]}
        />
      </section>
      {dialogs}
    </>
  )
}

function ImagesMade({ id }: { id: string }) {
  const { t } = useTranslation()
  const { data = [] } = useQuery(imagesOfInstanceQuery(id))
  return (
    <section className="card padded">
      <h2>{t('instance.images')}</h2>
      {data.length === 0 && <span className="quiet">{t('instance.noImages')}</span>}
      {data.map((image) => (
        <div key={image.id} style={{ display: 'flex', gap: 14, padding: '3px 0' }}>
          <Link to={paths.image(image.id)}>{image.name ?? image.id}</Link>
          <ImageStatusBadge image={image} />
        </div>
      ))}
    </section>
  )
}

const DONE = ['create', 'start', 'stop', 'forceOff', 'reboot', 'pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue', 'shelve', 'unshelve', 'resize', 'confirmResize', 'revertResize', 'rebuild', 'createImage', 'delete'] as const
const isKnown = (action: string): action is (typeof DONE)[number] => (DONE as readonly string[]).includes(action)

function History({ id }: { id: string }) {
  const { t } = useTranslation()
  const { data, error, isPending } = useQuery(actionsQuery(id))
  if (error) return <Failure error={error} />
  return (
    <Table<ActionRecord>
      size="small"
      rowKey="request_id"
      loading={isPending}
      dataSource={data}
      pagination={false}
      columns={[
        { title: t('column.action'), render: (_, { action }) => (isKnown(action) ? t(`history.${action}`) : action) },
        { title: t('column.when'), render: (_, { start_time }) => <Ago at={start_time} /> },
        { title: t('column.outcome'), render: (_, { message }) => message ? <Told>{message}</Told> : t('outcome.done') },
        { title: t('column.request'), dataIndex: 'request_id', render: (text: string) => <span className="mono">{text}</span> },
      ]}
    />
  )
}
