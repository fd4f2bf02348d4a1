import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Input, Select, Table, type TableProps } from 'antd'
import { Fragment, useEffect, useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { allEvents, type AuditEvent, type AuditFilters, auditQuery } from '../../api/audit'
import { Failure } from '../../components/Failure'
import { type Chip, ListTools } from '../../components/ListTools'
import { Name } from '../../components/Name'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { SearchBox } from '../../components/SearchBox'
import { StatusMark } from '../../components/StatusBadge'
import { type Choosable, useColumns } from '../../components/useColumns'
import { useFilters } from '../../components/useFilters'
import { useWidth } from '../../components/useWidth'
import { csv } from '../../lib/csv'
import { dayAfter, dayBegins, wholeTime } from '../../lib/time'
import { paths } from '../../paths'
import { Empty } from '../../ui/Empty'
import { Facts } from '../../ui/Facts'

const PAGE = 50
/** So many events are saved as a file, and no more. */
const MOST_SAVED = 100_000
const COLUMNS: Choosable[] = [{ key: 'when', from: 0 }, { key: 'who', from: 600 }, { key: 'project', from: 1360 }, { key: 'outcome', from: 768 }, { key: 'target', from: 1200 }, { key: 'reason', from: 1500 }, { key: 'address' }, { key: 'request' }]
/** The words for the columns. */
const LABEL = { when: 'column.when', who: 'column.who', project: 'project.label', outcome: 'column.outcome', target: 'column.target', reason: 'column.reason', address: 'admin.audit.address', request: 'column.request' } as const
/** The filters that are texts, by their words in the address. */
const TEXTS = { who: 'admin.audit.who', project: 'admin.audit.project', target: 'admin.audit.target', request: 'admin.audit.request' } as const
const texts = Object.keys(TEXTS) as (keyof typeof TEXTS)[]

/** The audit events: each action, and its user. */
export function Audit() {
  const { t, i18n } = useTranslation()
  const filters = useFilters()
  const { get, set } = filters
  const after = get('after')
  const wanted: AuditFilters = {
    action: get('action'), user_name: get('who'), project_name: get('project-name'), target_id: get('target'), request_id: get('request'), outcome: get('outcome'),
    since: dayBegins(get('since')), until: dayAfter(get('until')),
  }
  const { data, error, isPending, isPlaceholderData, refetch } = useQuery({ ...auditQuery(wanted, PAGE, after), placeholderData: keepPreviousData })
  const width = useWidth()
  const { shown, isChosen, choose } = useColumns('audit', COLUMNS)
  const time = (event: AuditEvent) => <time dateTime={event.time} className="number">{wholeTime(event.time, i18n.language)}</time>
  const columns: NonNullable<TableProps<AuditEvent>['columns']> = [
    { title: t('column.when'), key: 'when', width: width < 600 ? 116 : 216, render: (_, event) => time(event) },
    { title: t('column.who'), key: 'who', width: 116, ellipsis: true, render: (_, { user_name }) => <Name>{user_name ?? '–'}</Name> },
    { title: t('project.label'), key: 'project', width: 130, ellipsis: true, render: (_, { project_name }) => <Name>{project_name ?? '–'}</Name> },
    { title: t('column.action'), key: 'action', render: (_, { action }) => <span className="break">{brokenAtDots(action)}</span> },
    { title: t('column.outcome'), key: 'outcome', width: 110, render: (_, event) => <Outcome event={event} /> },
    { title: t('column.target'), key: 'target', width: 240, ellipsis: true, render: (_, event) => <Target event={event} /> },
    { title: t('column.reason'), key: 'reason', width: 240, ellipsis: true, render: (_, { reason }) => reason ?? '–' },
    { title: t('admin.audit.address'), key: 'address', width: 130, ellipsis: true, render: (_, { address }) => address ?? '–' },
    { title: t('column.request'), key: 'request', width: 320, ellipsis: true, render: (_, { request_id }) => <span className="mono">{request_id}</span> },
  ]
  const shownColumns = columns.filter(({ key }) => key === 'action' || shown.includes(String(key)))
  const save = async () => {
    const head = ['time', 'user', 'user_id', 'project', 'project_id', 'action', 'target', 'target_id', 'outcome', 'status', 'reason', 'times', 'address', 'request_id']
    const events = await allEvents(wanted, MOST_SAVED)
    return csv(head, events.map((one) => [one.time, one.user_name, one.user_id, one.project_name, one.project_id, one.action, one.target_name, one.target_id, one.outcome, one.status, one.reason, one.times, one.address, one.request_id]))
  }
  return (
    <>
      <PageHead title={t('nav.audit')} />
      <div className="toolbar">
        <SearchBox label={t('column.action')} value={get('action')} onChange={(text) => set({ action: text })} />
        <Select
          aria-label={t('column.outcome')}
          style={{ width: 150 }}
          value={get('outcome')}
          onChange={(outcome) => set({ outcome })}
          options={[{ value: '', label: t('admin.audit.anyOutcome') }, { value: 'success', label: t('outcome.done') }, { value: 'failure', label: t('outcome.failed') }]}
        />
      </div>
      <ListTools
        chips={useChips(filters)}
        filters={<Fields filters={filters} />}
        columns={COLUMNS.map(({ key }) => ({ key, label: t(LABEL[key as keyof typeof LABEL]) }))}
        shown={shown}
        isChosen={isChosen}
        choose={choose}
        save={save}
        fileName="audit.csv"
      />
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <div className="card">
          <Table<AuditEvent>
            size="middle"
            rowKey="id"
            loading={isPending || isPlaceholderData}
            dataSource={data}
            pagination={false}
            tableLayout="fixed"
            scroll={isChosen ? { x: shownColumns.reduce((sum, { width }) => sum + (Number(width) || 240), 44) } : undefined}
            locale={{ emptyText: isPending ? ' ' : <Empty title={t('audit.empty')} /> }}
            columns={shownColumns}
            expandable={{
              columnWidth: 44,
              expandedRowRender: (event) => <Details event={event} />,
              expandIcon: ({ expanded, onExpand, record }) => (
                <button type="button" className="opener" aria-expanded={expanded} aria-label={t('admin.audit.details', { action: record.action })} onClick={(event) => onExpand(record, event)} />
              ),
            }}
          />
          <Pager after={after} next={data?.length === PAGE ? data.at(-1)?.id : undefined} onGo={(to) => set({ after: to }, { push: true })} />
        </div>
      )}
    </>
  )
}

/** A long action goes on in the next line after a dot, and not within a word. */
const brokenAtDots = (action: string) => action.split('.').map((word, at) => <Fragment key={at}>{at > 0 && <>.<wbr /></>}{word}</Fragment>)

function Outcome({ event: { outcome, times } }: { event: AuditEvent }) {
  const { t } = useTranslation()
  if (outcome === 'success') return <StatusMark mood="good">{t('outcome.done')}</StatusMark>
  return <StatusMark mood="bad">{times > 1 ? `${t('outcome.failed')} ×${times}` : t('outcome.failed')}</StatusMark>
}

/** The thing that it was done to, by its name where it is there still; a link where there is a page of it. */
function Target({ event: { action, target_id: id, target_name: name } }: { event: AuditEvent }) {
  if (id === null) return <>–</>
  const [first = ''] = id.split('/')
  const page = action.startsWith('image.') ? paths.image(first) : action.startsWith('instance.') ? paths.instance(first) : undefined
  const shown = name ? <Name>{name}</Name> : <span className="mono">{id}</span>
  return page ? <Link to={page} title={id}>{shown}</Link> : <span title={id}>{shown}</span>
}

function Details({ event }: { event: AuditEvent }) {
  const { t, i18n } = useTranslation()
  const mono = (text: string | null) => text && <span className="mono">{text}</span>
  const facts: [string, React.ReactNode][] = [
    [t('column.when'), wholeTime(event.time, i18n.language)],
    [t('column.who'), event.user_name && <Name>{event.user_name}</Name>],
    [t('admin.audit.user'), mono(event.user_id)],
    [t('project.label'), event.project_name && <Name>{event.project_name}</Name>],
    [t('admin.audit.projectId'), mono(event.project_id)],
    [t('column.target'), event.target_id && <Target event={event} />],
    [t('admin.audit.target'), event.target_name && mono(event.target_id)],
    [t('column.outcome'), <Outcome key="outcome" event={event} />],
    [t('column.reason'), event.reason],
    [t('admin.audit.status'), event.status],
    [t('admin.audit.times'), event.times > 1 ? event.times : null],
    [t('admin.audit.address'), event.address],
    [t('column.request'), mono(event.request_id)],
    [t('admin.audit.client'), mono(event.client_request_id)],
  ]
  return <Facts facts={facts.filter(([, value]) => value !== null && value !== '')} />
}

/** The filters beside the action and the outcome. A text is taken once the person leaves its field or presses Enter. */
function Fields({ filters: { get, set } }: { filters: ReturnType<typeof useFilters> }) {
  const { t } = useTranslation()
  const id = useId()
  return (
    <>
      {texts.map((name) => (
        <div key={name}><label htmlFor={id + name}>{t(TEXTS[name])}</label><Settled id={id + name} value={get(wordOf(name))} onChange={(text) => set({ [wordOf(name)]: text })} /></div>
      ))}
      {(['since', 'until'] as const).map((name) => (
        <div key={name}><label htmlFor={id + name}>{t(`admin.audit.${name}`)}</label><Input id={id + name} type="date" value={get(name)} onChange={({ target }) => set({ [name]: target.value })} /></div>
      ))}
      <p className="quiet small audit-hint">{t('admin.audit.hint')}</p>
    </>
  )
}

/** The address's word for the project that the tab works in is taken. */
const wordOf = (name: keyof typeof TEXTS) => (name === 'project' ? 'project-name' : name)

function Settled({ id, value, onChange }: { id: string; value: string; onChange: (text: string) => void }) {
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  const take = () => typed.trim() !== value && onChange(typed.trim())
  return <Input id={id} value={typed} autoComplete="off" onChange={({ target }) => setTyped(target.value)} onBlur={take} onPressEnter={take} />
}

function useChips({ get, set }: ReturnType<typeof useFilters>): Chip[] {
  const { t } = useTranslation()
  const chip = (word: string, name: string, value = get(word)): Chip[] => (get(word) === '' ? [] : [{ name, value, remove: () => set({ [word]: '' }) }])
  return [
    ...chip('action', t('column.action')),
    ...chip('outcome', t('column.outcome'), t(get('outcome') === 'success' ? 'outcome.done' : 'outcome.failed')),
    ...texts.flatMap((name) => chip(wordOf(name), t(TEXTS[name]))),
    ...chip('since', t('admin.audit.since')),
    ...chip('until', t('admin.audit.until')),
  ]
}
