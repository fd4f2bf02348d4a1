import { useQuery } from '@tanstack/react-query'
import { Alert, Skeleton, Table, Tag } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Host as Truth, type HostStore, hostQuery, type Housekeeping, type Jobs } from '../../api/host'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { StatusMark } from '../../components/StatusBadge'
import { Told } from '../../components/Told'
import { UsageBar } from '../../components/UsageBar'
import { useWidth } from '../../components/useWidth'
import { bytes } from '../../lib/bytes'
import { Facts } from '../../ui/Facts'

const MIB = 1024 * 1024

/** The machine, the places where bytes lie, and the work in hand. */
export function Host() {
  const { t } = useTranslation()
  const { data: host, error, refetch } = useQuery(hostQuery)
  const ready = host && <StatusMark mood={host.health.ready ? 'good' : 'bad'}>{t(host.health.ready ? 'admin.host.ready' : 'admin.host.notReady')}</StatusMark>
  return (
    <>
      <PageHead title={t('admin.host.title')} status={ready} />
      {error && !host && <Failure error={error} retry={() => void refetch()} />}
      {!error && !host && <Skeleton active paragraph={{ rows: 8 }} />}
      {host && (
        <>
          <div className="columns">
            <Machine host={host} />
            <Health host={host} />
          </div>
          <Stores stores={host.stores} />
          <JobsInHand jobs={host.jobs} />
        </>
      )}
    </>
  )
}

function Machine({ host }: { host: Truth }) {
  const { t, i18n } = useTranslation()
  const { guests, cpus } = host
  const ofMiB = (used: number, limit: number) => t('usage.of', { used: bytes(used * MIB), limit: bytes(limit * MIB) })
  const free = guests?.disk_free_bytes ?? null
  return (
    <section className="card padded" aria-labelledby="machine">
      <div className="card-head">
        <h2 id="machine">{t('admin.host.host')}</h2>
        <span className="mono quiet break">{host.host}</span>
      </div>
      <ul className="usage">
        {guests && (
          <>
            <UsageBar name={t('admin.host.guestMemory')} text={ofMiB(guests.memory_mib, guests.memory_limit_mib)} of={{ used: guests.memory_mib, limit: guests.memory_limit_mib }} />
            {/* More of them than there are processors is nothing wrong: guests share them. */}
            <li><span>{t('admin.host.guests')}</span><span className="number">{guests.running.toLocaleString(i18n.language)}</span></li>
            <li><span>{t('admin.host.vcpus')}</span><span className="number">{guests.vcpus.toLocaleString(i18n.language)}</span></li>
          </>
        )}
        {host.load_percent !== null && <UsageBar name={t('admin.host.load')} text={t('admin.host.loadOf', { percent: host.load_percent, count: cpus })} of={{ used: host.load_percent, limit: 100 }} />}
        {host.memory_available_mib !== null && <UsageBar name={t('admin.host.memory')} text={ofMiB(host.memory_mib - host.memory_available_mib, host.memory_mib)} of={{ used: host.memory_mib - host.memory_available_mib, limit: host.memory_mib }} />}
        {guests && free !== null && (
          <li>
            <span>{t('admin.host.disk')}</span>
            <span className={free < guests.disk_reserve_bytes ? 'number over' : 'number quiet'}>{t('admin.host.diskFree', { free: bytes(free), reserve: bytes(guests.disk_reserve_bytes) })}</span>
          </li>
        )}
      </ul>
    </section>
  )
}

function Health({ host: { health, guests, sweep, scrub } }: { host: Truth }) {
  const { t } = useTranslation()
  const words = {
    ok: 'ok', 'cannot be written': 'unwritable', 'has less room than store.reserve_mib keeps free': 'noRoom', 'some are damaged': 'damaged', 'not known': 'unknown', 'left something undone': 'undone',
  } as const
  const mark = (word: keyof typeof words) => <StatusMark mood={word === 'ok' ? 'good' : word === 'not known' ? 'warn' : 'bad'}>{t(`admin.host.${words[word]}`)}</StatusMark>
  return (
    <section className="card padded" aria-labelledby="health">
      <h2 id="health">{t('admin.host.health')}</h2>
      <Facts
        facts={[
          [t('admin.host.database'), mark(health.database)],
          [t('admin.host.store'), mark(health.store)],
          [t('admin.host.chunks'), mark(health.chunks)],
          [t('admin.host.sweeping'), mark(health.sweeping)],
          [t('admin.host.sweep'), <Run key="sweep" of={sweep} />],
          [t('admin.host.scrub'), <Run key="scrub" of={scrub} />],
          ...(guests?.accel ? [[t('admin.host.accel'), t(`admin.host.${guests.accel}`)] as [string, string]] : []),
        ]}
      />
    </section>
  )
}

/** How a work that the clock begins went last. */
function Run({ of: { is_under_way, ended_at, failure } }: { of: Housekeeping }) {
  const { t } = useTranslation()
  return (
    <>
      {is_under_way && <StatusMark mood="moving">{t('admin.host.underWay')}</StatusMark>}
      {!is_under_way && ended_at === null && <span className="quiet">{t('admin.host.never')}</span>}
      {ended_at !== null && <div><StatusMark mood={failure === null ? 'good' : 'bad'}>{t(failure === null ? 'admin.host.done' : 'admin.host.failed')}</StatusMark> <span className="quiet"><Ago at={ended_at} /></span></div>}
      {failure !== null && <div className="quiet break">{failure}</div>}
    </>
  )
}

function Stores({ stores }: { stores: HostStore[] }) {
  const { t } = useTranslation()
  return (
    <section className="card padded" aria-labelledby="stores">
      <h2 id="stores">{t('admin.host.stores')}</h2>
      <ul className="stores">
        {stores.map((store) => (
          <li key={store.name} className="host-store">
            <div>
              <span className="store-name">{store.name}</span>
              {store.is_default && <Tag className="accent">{t('stores.default')}</Tag>}
              {store.is_read_only && <Tag>{t('admin.host.readOnly')}</Tag>}
              {store.description && <div className="quiet"><Told>{store.description}</Told></div>}
            </div>
            <div>
              {store.bucket ? <div>{t('admin.host.inBucket', { used: bytes(store.used_bytes) })}</div> : <ul className="usage"><Fill store={store} /></ul>}
              {store.bucket
                ? <div className="quiet small break">{t('admin.host.bucket', { bucket: `${store.bucket.name}/${store.bucket.prefix}`, cached: bytes(store.bucket.cached_bytes), cache: bytes(store.bucket.cache_bytes) })}</div>
                : <div className="quiet small">{t('admin.host.kept', { reserve: bytes(store.reserve_bytes) })}</div>}
              <Troubles store={store} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** How full a store is: what is kept free is no room. */
function Fill({ store: { used_bytes: used, free_bytes: free, reserve_bytes: reserve } }: { store: HostStore }) {
  const { t } = useTranslation()
  const limit = used + Math.max(0, (free ?? 0) - reserve)
  return <UsageBar name={t('admin.host.used', { used: bytes(used), free: bytes(free) })} text={free === null ? '' : `${Math.round((used / Math.max(1, limit)) * 100)} %`} of={free === null ? undefined : { used, limit: Math.max(1, limit) }} />
}

function Troubles({ store }: { store: HostStore }) {
  const { t } = useTranslation()
  return (
    <>
      {store.bucket?.is_away && <Alert type="error" showIcon className="notice" title={t('admin.host.away')} description={store.bucket.endpoint ?? undefined} />}
      {!store.has_room && <Alert type="error" showIcon className="notice" title={t('admin.host.full')} />}
      {store.damaged_chunks > 0 && <Alert type="error" showIcon className="notice" title={t('admin.host.damagedChunks', { count: store.damaged_chunks })} description={t('admin.host.checkHint')} />}
      {store.is_sweep_stopped && <Alert type="warning" showIcon className="notice" title={t('admin.host.sweepStopped')} />}
    </>
  )
}

function JobsInHand({ jobs }: { jobs: Jobs[] }) {
  const { t } = useTranslation()
  const isNarrow = useWidth() < 600
  const number = { align: 'right' as const, className: 'number', width: isNarrow ? 84 : 110 }
  return (
    <section className="card" aria-label={t('admin.host.jobs')}>
      <Table<Jobs>
        size="middle"
        rowKey="lane"
        dataSource={jobs}
        pagination={false}
        columns={[
          { title: t('admin.host.lane'), key: 'lane', render: (_, { lane }) => t(`admin.host.lanes.${lane}`) },
          { title: t('admin.host.running'), dataIndex: 'running', ...number },
          { title: t('admin.host.waiting'), dataIndex: 'waiting', ...number },
          ...(isNarrow ? [] : [{ title: t('admin.host.workers'), dataIndex: 'workers', ...number }]),
        ]}
      />
    </section>
  )
}
