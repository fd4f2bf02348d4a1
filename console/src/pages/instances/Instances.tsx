import { PlusOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Button, Select, Table, type TableProps, Tabs } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { imageNamesQuery } from '../../api/images'
import { allInstances, type Instance, instanceCountQuery, instancesQuery } from '../../api/instances'
import { ActionsMenu } from '../../components/ActionsMenu'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { Later } from '../../components/Later'
import { ListTools } from '../../components/ListTools'
import { OwnerFilter } from '../../components/OwnerFilter'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { SearchBox } from '../../components/SearchBox'
import { Name } from '../../components/Name'
import { InstanceStatusBadge } from '../../components/StatusBadge'
import { Why } from '../../components/Why'
import { type Choosable, useColumns } from '../../components/useColumns'
import { useFilters, useFirstPageWhenGone } from '../../components/useFilters'
import { useOwnerNames } from '../../components/useOwnerNames'
import { usePages } from '../../components/usePages'
import { useSession } from '../../components/useSession'
import { bytes } from '../../lib/bytes'
import { canChange } from '../../lib/can'
import { csv } from '../../lib/csv'
import { paths } from '../../paths'
import { Empty } from '../../ui/Empty'
import { useInstanceActions } from './useInstanceActions'

const PAGE = 50
/** Old rows are greyed when the new ones take longer than so many milliseconds. */
const SOON = 150
const MIB = 1024 * 1024
const STATUSES = { ACTIVE: 'status.running', SHUTOFF: 'status.stopped', PAUSED: 'status.paused', VERIFY_RESIZE: 'status.unconfirmed', ERROR: 'status.error' } as const
/** The columns that a person may choose, and the width from which on each leaves a name room to be read. */
const CHOOSABLE: Choosable[] = [{ key: 'status', from: 0 }, { key: 'image', from: 768 }, { key: 'flavor', from: 1200 }, { key: 'age', from: 0 }]
/** The same of all projects: of an image there is less to know than of its owner. */
const OF_ALL: Choosable[] = [{ key: 'owner', from: 600 }, { key: 'status', from: 0 }, { key: 'image', from: 992 }, { key: 'flavor', from: 1200 }, { key: 'age', from: 0 }]

/** Keeps the rows while others are on their way, but never those of the other tab. */
function ofSameScope<T>(everywhere: boolean) {
  return (rows: T | undefined, before: { queryKey: readonly unknown[] } | undefined) =>
    (before?.queryKey[2] as { everywhere?: boolean } | undefined)?.everywhere === everywhere ? rows : undefined
}

/** The flavor in a few signs. */
export const flavorText = ({ original_name, vcpus, ram }: Instance['flavor']) =>
  `${original_name} · ${vcpus} vCPU · ${bytes(ram * MIB)}`

export function Instances() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const session = useSession()
  const filters = useFilters()
  const { get, set } = filters
  const [search, status, tag, owner, sort] = [get('search'), get('status'), get('tag'), get('owner'), get('sort')]
  const everywhere = session.is_admin && get('scope') === 'all'
  const wanted = { search, status, tag, everywhere, owner: everywhere ? owner : '' }
  const nameOf = useOwnerNames(everywhere)
  const [keys, setKeys] = useState<React.Key[]>([])
  const { after, before, pager, useWholePage } = usePages(filters, PAGE, () => setKeys([]))
  const list = useQuery({ ...instancesQuery({ ...wanted, sort, marker: after, before, limit: PAGE }), placeholderData: ofSameScope(everywhere) })
  useFirstPageWhenGone(filters, list.error)
  useWholePage(list.isPlaceholderData ? undefined : list.data?.servers.length)
  const instances = useMemo(() => list.data?.servers ?? [], [list.data])
  // Rows that are about to be replaced are nobody's choice.
  const isOld = list.isPlaceholderData
  const selected = useMemo(() => (isOld ? [] : instances.filter(({ id }) => keys.includes(id))), [instances, keys, isOld])
  const { actions, dialogs } = useInstanceActions(selected, () => setKeys([]))
  const ids = useMemo(
    () => [...new Set(instances.flatMap(({ image }) => (image === '' ? [] : [image.id])))].sort(),
    [instances],
  )
  const names = useQuery(imageNamesQuery(ids)).data
  const imageCell = ({ image }: Instance) => {
    if (image === '') return '–'
    const name = names?.[image.id]
    return name ? <Link to={paths.image(image.id)}>{name}</Link> : <span className="quiet mono">{image.id.slice(0, 8)}</span>
  }

  const choosable = everywhere ? OF_ALL : CHOOSABLE
  const { shown, isChosen, choose } = useColumns(everywhere ? 'all-instances' : 'instances', choosable)
  const sorted = (key: string) => ({ key, sorter: true, sortOrder: sort === `${key}:asc` ? 'ascend' as const : sort === `${key}:desc` ? 'descend' as const : null })
  const columns: NonNullable<TableProps<Instance>['columns']> = [
    {
      title: t('column.name'), ...sorted('name'), className: 'name-column',
      render: (_, { id, name, tenant_id: owner }) => (
        <>
          <Link className="name-cell" to={paths.instance(id)}><Name>{name}</Name></Link>
          {everywhere && !shown.includes('owner') && <div className="quiet small"><Name>{nameOf(owner) ?? owner.slice(0, 8)}</Name></div>}
        </>
      ),
    },
    { title: t('project.label'), key: 'owner', width: 140, ellipsis: true, render: (_, { tenant_id: id }) => nameOf(id) ?? <span className="mono quiet" title={t('admin.scope.gone')}>{id.slice(0, 8)}</span> },
    { title: t('column.status'), ...sorted('status'), width: 178, render: (_, instance) => <InstanceStatusBadge instance={instance} /> },
    { title: t('column.image'), key: 'image', width: 160, ellipsis: true, render: (_, instance) => imageCell(instance) },
    { title: t('column.flavor'), key: 'flavor', width: 220, ellipsis: true, render: (_, { flavor }) => <span className="number">{flavorText(flavor)}</span> },
    { title: t('column.age'), ...sorted('age'), width: 116, render: (_, { created }) => <Ago at={created} /> },
  ]
  const shownColumns = columns.filter(({ key }) => key === 'name' || shown.includes(String(key)))
  // A list that is one page long is counted by its rows.
  const isLong = instances.length === PAGE || after !== '' || before !== ''
  const isFiltered = search !== '' || status !== '' || tag !== '' || wanted.owner !== ''
  const counted = useQuery({ ...instanceCountQuery(wanted), enabled: isLong && !session.of_cloud }).data
  const all = isLong ? counted : instances.length
  const save = async () => {
    const head = ['id', 'name', 'project', 'status', 'image', 'flavor', 'vcpus', 'memory_mib', 'key', 'tags', 'created_at']
    const rows = await allInstances({ ...wanted, sort })
    return csv(head, rows.map((one) => [one.id, one.name, everywhere ? nameOf(one.tenant_id) ?? one.tenant_id : session.project?.name, one.status, one.image === '' ? '' : one.image.id, one.flavor.original_name, one.flavor.vcpus, one.flavor.ram, one.key_name, one.tags.join(' '), one.created]))
  }
  const reason = canChange(session) ? null : 'readerOnly'
  const launch = (
    <Why reason={reason}>
      <Button type="primary" icon={<PlusOutlined aria-hidden />} disabled={reason !== null} onClick={() => void navigate(paths.launch)}>{t('instances.launch')}</Button>
    </Why>
  )
  const empty = isFiltered ? (
    <Empty title={t('empty.noMatch')} action={<Button onClick={() => set({ search: '', status: '', tag: '', owner: '' })}>{t('empty.clear')}</Button>} />
  ) : everywhere ? (
    <Empty title={t('admin.scope.noInstances')} />
  ) : (
    <Empty title={t('instances.empty.title')} what={t('instances.empty.what')} />
  )
  const chips = [
    ...(status ? [{ name: t('column.status'), value: t(STATUSES[status as keyof typeof STATUSES] ?? 'status.error'), remove: () => set({ status: '' }) }] : []),
    ...(tag ? [{ name: t('list.tag'), value: tag, remove: () => set({ tag: '' }) }] : []),
    ...(wanted.owner ? [{ name: t('project.label'), value: nameOf(wanted.owner) ?? wanted.owner, remove: () => set({ owner: '' }) }] : []),
  ]
  return (
    <>
      <PageHead title={t('nav.instances')}>{launch}</PageHead>
      {session.is_admin && (
        <Tabs
          activeKey={everywhere ? 'all' : 'mine'}
          onChange={(scope) => {
            setKeys([])
            set({ scope: scope === 'all' ? 'all' : '', owner: '' }, { push: true })
          }}
          items={[{ key: 'mine', label: t('admin.scope.mine') }, { key: 'all', label: t('admin.scope.all') }]}
        />
      )}
      <div className="toolbar">
        <SearchBox label={t('instances.search')} value={search} onChange={(text) => set({ search: text })} />
        <Select
          aria-label={t('column.status')}
          style={{ width: 150 }}
          value={status}
          onChange={(value) => set({ status: value })}
          options={[
            { value: '', label: t('filter.anyStatus') }, ...Object.entries(STATUSES).map(([value, label]) => ({ value, label: t(label) })),
          ]}
        />
        <div className="acts">
          {selected.length > 0 && <span className="quiet">{t('selected', { count: selected.length })}</span>}
          <ActionsMenu label={t('instances.more')} actions={actions} />
        </div>
      </div>
      <ListTools
        chips={chips}
        filters={
          <>
            <div><label htmlFor="tag">{t('list.tag')}</label><Later id="tag" value={tag} onChange={(text) => set({ tag: text })} /></div>
            {everywhere && <OwnerFilter filters={filters} />}
          </>
        }
        columns={choosable.map(({ key }) => ({ key, label: key === 'owner' ? t('project.label') : t(`column.${key as 'status'}`) }))}
        shown={shown}
        isChosen={isChosen}
        choose={choose}
        save={save}
        fileName="instances.csv"
      />
      {list.error && !list.data ? (
        <Failure error={list.error} retry={() => void list.refetch()} />
      ) : (
        <div className="card">
          <Table<Instance>
            size="middle"
            rowKey="id"
            columns={shownColumns}
            dataSource={instances}
            loading={{ spinning: list.isPending || isOld, delay: list.isPending ? 0 : SOON }}
            className="list"
            pagination={false}
            tableLayout="fixed"
            scroll={isChosen ? { x: shownColumns.reduce((sum, { width }) => sum + (Number(width) || 240), 44) } : undefined}
            onChange={(_, __, by) => {
              const { columnKey, order } = Array.isArray(by) ? {} as { columnKey?: React.Key; order?: string } : by
              set({ sort: order ? `${String(columnKey)}:${order === 'ascend' ? 'asc' : 'desc'}` : '' })
            }}
            locale={{ emptyText: list.isPending ? ' ' : empty }}
            rowSelection={{
              columnWidth: 44, selectedRowKeys: keys, onChange: setKeys,
              getCheckboxProps: ({ name }) => ({ 'aria-label': t('select', { name }) }),
            }}
          />
          <Pager {...pager(instances.map(({ id }) => id), isOld ? undefined : all)} />
        </div>
      )}
      {dialogs}
    </>
  )
}
