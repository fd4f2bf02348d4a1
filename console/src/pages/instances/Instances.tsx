import { PlusOutlined } from '@ant-design/icons'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Button, Select, Table, type TableProps } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { imageNamesQuery } from '../../api/images'
import { allInstances, type Instance, instancesQuery } from '../../api/instances'
import { usageQuery } from '../../api/project'
import { ActionsMenu } from '../../components/ActionsMenu'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { ListTools } from '../../components/ListTools'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { SearchBox } from '../../components/SearchBox'
import { Name } from '../../components/Name'
import { InstanceStatusBadge } from '../../components/StatusBadge'
import { Why } from '../../components/Why'
import { type Choosable, useColumns } from '../../components/useColumns'
import { useFilters, useFirstPageWhenGone } from '../../components/useFilters'
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
const STATUSES = { ACTIVE: 'status.running', SHUTOFF: 'status.stopped', ERROR: 'status.error' } as const
/** The columns that a person may choose, and the width from which on each leaves a name room to be read. */
const CHOOSABLE: Choosable[] = [{ key: 'status', from: 0 }, { key: 'image', from: 768 }, { key: 'flavor', from: 1200 }, { key: 'age', from: 0 }]

/** The flavor in a few signs. */
export const flavorText = ({ original_name, vcpus, ram }: Instance['flavor']) =>
  `${original_name} · ${vcpus} vCPU · ${bytes(ram * MIB)}`

export function Instances() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const session = useSession()
  const filters = useFilters()
  const { get, set } = filters
  const [search, status] = [get('search'), get('status')]
  const [keys, setKeys] = useState<React.Key[]>([])
  const { after, before, pager, useWholePage } = usePages(filters, PAGE, () => setKeys([]))
  const list = useQuery({ ...instancesQuery({ search, status, marker: after, before, limit: PAGE }), placeholderData: keepPreviousData })
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
    const name = names?.get(image.id)
    return name ? <Link to={paths.image(image.id)}>{name}</Link> : <span className="quiet mono">{image.id.slice(0, 8)}</span>
  }

  const { shown, isChosen, choose } = useColumns('instances', CHOOSABLE)
  const columns: NonNullable<TableProps<Instance>['columns']> = [
    {
      title: t('column.name'), key: 'name', className: 'name-column',
      render: (_, { id, name }) => <Link className="name-cell" to={paths.instance(id)}><Name>{name}</Name></Link>,
    },
    { title: t('column.status'), key: 'status', width: 178, render: (_, instance) => <InstanceStatusBadge instance={instance} /> },
    { title: t('column.image'), key: 'image', width: 160, ellipsis: true, render: (_, instance) => imageCell(instance) },
    { title: t('column.flavor'), key: 'flavor', width: 220, ellipsis: true, render: (_, { flavor }) => <span className="number">{flavorText(flavor)}</span> },
    { title: t('column.age'), key: 'age', width: 116, render: (_, { created }) => <Ago at={created} /> },
  ]
  const shownColumns = columns.filter(({ key }) => key === 'name' || shown.includes(String(key)))
  // A list that is one page long is counted by its rows; of a longer one the project's usage knows the number.
  const isLong = instances.length === PAGE || after !== '' || before !== ''
  const isFiltered = search !== '' || status !== ''
  const used = useQuery({ ...usageQuery, enabled: isLong && !isFiltered }).data?.instances?.used
  const all = isLong ? (isFiltered ? undefined : used) : instances.length
  const save = async () => {
    const head = ['id', 'name', 'status', 'image', 'flavor', 'vcpus', 'memory_mib', 'key', 'created_at']
    const rows = await allInstances({ search, status })
    return csv(head, rows.map((one) => [one.id, one.name, one.status, one.image === '' ? '' : one.image.id, one.flavor.original_name, one.flavor.vcpus, one.flavor.ram, one.key_name, one.created]))
  }
  const reason = canChange(session) ? null : 'readerOnly'
  const launch = (
    <Why reason={reason}>
      <Button type="primary" icon={<PlusOutlined aria-hidden />} disabled={reason !== null} onClick={() => void navigate(paths.launch)}>{t('instances.launch')}</Button>
    </Why>
  )
  const empty = isFiltered ? (
    <Empty title={t('empty.noMatch')} action={<Button onClick={() => set({ search: '', status: '' })}>{t('empty.clear')}</Button>} />
  ) : (
    <Empty title={t('instances.empty.title')} what={t('instances.empty.what')} />
  )
  return (
    <>
      <PageHead title={t('nav.instances')}>{launch}</PageHead>
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
        <span style={{ flex: 1 }} />
        {selected.length > 0 && <span className="quiet">{t('selected', { count: selected.length })}</span>}
        <ActionsMenu label={t('instances.more')} actions={actions} />
      </div>
      <ListTools
        chips={status ? [{ name: t('column.status'), value: t(STATUSES[status as keyof typeof STATUSES] ?? 'status.error'), remove: () => set({ status: '' }) }] : []}
        columns={CHOOSABLE.map(({ key }) => ({ key, label: t(`column.${key as 'status'}`) }))}
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
