import { PlusOutlined } from '@ant-design/icons'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Button, Select, Table, type TableProps } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { imageNamesQuery } from '../../api/images'
import { type Instance, instancesQuery } from '../../api/instances'
import { ActionsMenu } from '../../components/ActionsMenu'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { SearchBox } from '../../components/SearchBox'
import { Name } from '../../components/Name'
import { InstanceStatusBadge } from '../../components/StatusBadge'
import { Why } from '../../components/Why'
import { useFilters, useFirstPageWhenGone } from '../../components/useFilters'
import { useSession } from '../../components/useSession'
import { useWidth } from '../../components/useWidth'
import { bytes } from '../../lib/bytes'
import { canChange } from '../../lib/can'
import { paths } from '../../paths'
import { Empty } from '../../ui/Empty'
import { useInstanceActions } from './useInstanceActions'

const PAGE = 50
/** Old rows are greyed when the new ones take longer than so many milliseconds. */
const SOON = 150
const MIB = 1024 * 1024

/** The flavor in a few signs. */
export const flavorText = ({ original_name, vcpus, ram }: Instance['flavor']) =>
  `${original_name} · ${vcpus} vCPU · ${bytes(ram * MIB)}`

/** The address a guest has, if it has one. */
export const addressOf = (instance: Instance) =>
  Object.values(instance.addresses).flat().map(({ addr }) => addr).join(', ') || '–'

export function Instances() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const session = useSession()
  const filters = useFilters()
  const { get, set } = filters
  const width = useWidth()
  const [search, status, after] = [get('search'), get('status'), get('after')]
  const list = useQuery({ ...instancesQuery({ search, status, marker: after, limit: PAGE }), placeholderData: keepPreviousData })
  useFirstPageWhenGone(filters, list.error)
  const instances = useMemo(() => list.data?.servers ?? [], [list.data])
  const [keys, setKeys] = useState<React.Key[]>([])
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

  const from = (least: number, ...columns: NonNullable<TableProps<Instance>['columns']>) => (width >= least ? columns : [])
  const columns: TableProps<Instance>['columns'] = [
    {
      title: t('column.name'), key: 'name', className: 'name-column',
      render: (_, { id, name }) => <Link className="name-cell" to={paths.instance(id)}><Name>{name}</Name></Link>,
    },
    { title: t('column.status'), key: 'status', width: 178, render: (_, instance) => <InstanceStatusBadge instance={instance} /> },
    ...from(768, { title: t('column.image'), key: 'image', width: 160, ellipsis: true, render: (_, instance) => imageCell(instance) }),
    ...from(1200, { title: t('column.flavor'), key: 'flavor', width: 220, ellipsis: true, render: (_, { flavor }) => <span className="number">{flavorText(flavor)}</span> }),
    ...from(1200, { title: t('column.address'), key: 'address', width: 130, ellipsis: true, render: (_, instance) => <span className="number">{addressOf(instance)}</span> }),
    { title: t('column.age'), key: 'age', width: 116, render: (_, { created }) => <Ago at={created} /> },
  ]
  const reason = canChange(session) ? null : 'readerOnly'
  const launch = (
    <Why reason={reason}>
      <Button type="primary" icon={<PlusOutlined aria-hidden />} disabled={reason !== null} onClick={() => void navigate(paths.launch)}>{t('instances.launch')}</Button>
    </Why>
  )
  const empty = search || status ? (
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
            { value: '', label: t('filter.anyStatus') }, { value: 'ACTIVE', label: t('status.running') },
            { value: 'SHUTOFF', label: t('status.stopped') }, { value: 'ERROR', label: t('status.error') },
          ]}
        />
        <span style={{ flex: 1 }} />
        {selected.length > 0 && <span className="quiet">{t('selected', { count: selected.length })}</span>}
        <ActionsMenu label={t('instances.more')} actions={actions} />
      </div>
      {list.error && !list.data ? (
        <Failure error={list.error} retry={() => void list.refetch()} />
      ) : (
        <div className="card">
          <Table<Instance>
            size="middle"
            rowKey="id"
            columns={columns}
            dataSource={instances}
            loading={{ spinning: list.isPending || isOld, delay: list.isPending ? 0 : SOON }}
            className="list"
            pagination={false}
            tableLayout="fixed"
            locale={{ emptyText: list.isPending ? ' ' : empty }}
            rowSelection={{
              columnWidth: 44, selectedRowKeys: keys, onChange: setKeys,
              getCheckboxProps: ({ name }) => ({ 'aria-label': t('select', { name }) }),
            }}
          />
          <Pager after={after} next={instances.length === PAGE ? instances.at(-1)?.id : undefined} onGo={(to) => set({ after: to }, { push: true })} />
        </div>
      )}
      {dialogs}
    </>
  )
}
