import { Table } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Flavor } from '../api/flavors'
import { bytes } from '../lib/bytes'
import { useWidth } from './useWidth'

const MIB = 1024 * 1024

interface Props {
  flavors: Flavor[]
  isPending: boolean
  value: string | undefined
  onChange: (id: string) => void
  /** Why a flavor cannot be chosen; nothing when it can. */
  whyNot: (flavor: Flavor) => string
}

/** One of the flavors; those that are not possible are grey, and say why. */
export function FlavorPicker({ flavors, isPending, value, onChange, whyNot }: Props) {
  const { t } = useTranslation()
  const isWide = useWidth() >= 600
  return (
    <Table<Flavor>
      size="small"
      rowKey="id"
      loading={isPending}
      dataSource={flavors}
      pagination={false}
      scroll={{ y: 216 }}
      rowSelection={{
        type: 'radio', columnWidth: isWide ? 44 : 32, selectedRowKeys: value ? [value] : [], onChange: ([id]) => onChange(String(id)),
        getCheckboxProps: (row) => ({ disabled: whyNot(row) !== '', name: 'flavor', 'aria-label': row.name }),
      }}
      columns={[
        { title: t('column.name'), render: (_, row) => <>{row.name}{whyNot(row) && <div className="quiet small">{whyNot(row)}</div>}</> },
        { title: 'vCPU', dataIndex: 'vcpus', width: isWide ? undefined : 58, align: 'right', className: 'number' },
        { title: t('flavor.memory'), width: isWide ? undefined : 76, align: 'right', className: 'number', render: (_, { ram }) => bytes(ram * MIB) },
        ...(isWide ? [{ title: t('flavor.disk'), align: 'right' as const, className: 'number', render: (_: unknown, { disk }: Flavor) => (disk === 0 ? t('flavor.ofImage') : `${disk} GiB`) }] : []),
      ]}
    />
  )
}
