import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Table, Tabs } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { countsQuery, type Image, imagesQuery, type Kind } from '../api/images'
import { Ago } from './Ago'
import { Name } from './Name'
import { SearchBox } from './SearchBox'
import { useSession } from './useSession'
import { useWidth } from './useWidth'
import { bytes } from '../lib/bytes'
import { osOf } from '../lib/os'

/** One image of the three kinds. */
export function ImagePicker({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const { t } = useTranslation()
  const session = useSession()
  const isWide = useWidth() >= 600
  const [search, setSearch] = useState('')
  const kinds: Kind[] = session.sharing === 'off' ? ['public', 'private'] : ['public', 'private', 'shared']
  const counts = useQuery({ ...countsQuery({ search, status: 'active' }), placeholderData: keepPreviousData }).data
  const [chosen, setKind] = useState<Kind>()
  // At first the tab that has something in it.
  const kind = chosen ?? kinds.find((of) => (counts?.[of] ?? 0) > 0) ?? 'public'
  const list = useQuery({ ...imagesQuery({ kind, search, status: 'active', limit: 100 }), placeholderData: keepPreviousData })
  const images = list.data?.images ?? []
  const all = counts?.[kind] ?? 0
  const preset = images.length > 0 && !value ? images[0]?.id : undefined
  useEffect(() => {
    if (preset && images.length === 1) onChange(preset)
  }, [preset, images.length, onChange])
  return (
    <>
      <Tabs
        activeKey={kind}
        onChange={(to) => setKind(to as Kind)}
        items={kinds.map((of) => ({
          key: of,
          label: <>{t(`kind.${of}`)} <span className="quiet number" aria-hidden>{counts?.[of] ?? ''}</span></>,
        }))}
      />
      <div className="toolbar">
        <SearchBox label={t('list.search')} value={search} onChange={setSearch} />
      </div>
      <Table<Image>
        size="small"
        rowKey="id"
        loading={list.isPending}
        dataSource={images}
        pagination={false}
        scroll={{ y: 216 }}
        locale={{ emptyText: <span className="quiet">{t('launch.noImages')}</span> }}
        rowSelection={{
          type: 'radio', columnWidth: 44, selectedRowKeys: value ? [value] : [], onChange: ([id]) => onChange(String(id)),
          getCheckboxProps: ({ name, id }) => ({ name: 'image', 'aria-label': name ?? id }),
        }}
        onRow={({ id }) => ({ onClick: () => onChange(id) })}
        columns={[
          { title: t('column.name'), render: (_, { name, id }) => <span className="name-cell"><Name>{name ?? id}</Name></span> },
          ...(isWide ? [{ title: t('column.os'), width: 120, ellipsis: true, render: (_: unknown, image: Image) => osOf(image) }] : []),
          ...(isWide ? [{ title: t('column.age'), width: 120, render: (_: unknown, { created_at }: Image) => <Ago at={created_at} /> }] : []),
          { title: t('flavor.disk'), width: 100, align: 'right', render: (_, { virtual_size }) => <span className="number">{bytes(virtual_size)}</span> },
        ]}
      />
      {all > images.length && images.length > 0 && <p className="quiet small">{t('launch.someOf', { shown: images.length, all })}</p>}
    </>
  )
}
