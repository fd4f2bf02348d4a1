import { CloudDownloadOutlined, UploadOutlined } from '@ant-design/icons'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Alert, Button, Select, Table, Tabs } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { canFetchQuery } from '../../api/imports'
import { countsQuery, type Image, imagesQuery, type Kind } from '../../api/images'
import { ActionsMenu } from '../../components/ActionsMenu'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { SearchBox } from '../../components/SearchBox'
import { Why } from '../../components/Why'
import { useUploads } from '../../components/Uploads'
import { useFilters, useFirstPageWhenGone } from '../../components/useFilters'
import { useSession } from '../../components/useSession'
import { useWidth } from '../../components/useWidth'
import { canChange } from '../../lib/can'
import { paths } from '../../paths'
import { Empty } from '../../ui/Empty'
import { imageColumns } from './columns'
import { ImportImage } from './ImportImage'
import { Offered } from './Offered'
import { ShareButton } from './ShareButton'
import { UploadImage } from './UploadImage'
import { useImageActions } from './useImageActions'

const PAGE = 25
/** Old rows are greyed when the new ones take longer than so many milliseconds. */
const SOON = 150
/** Keeps the rows while others are on their way, but never those of another tab. */
function ofSameKind<T>(kind: Kind) {
  return (rows: T | undefined, before: { queryKey: readonly unknown[] } | undefined) =>
    (before?.queryKey[2] as { kind?: Kind } | undefined)?.kind === kind ? rows : undefined
}

const isKind = (word: string): word is Kind => ['public', 'private', 'shared'].includes(word)

export function Images() {
  const { t } = useTranslation()
  const session = useSession()
  const filters = useFilters()
  const { get, set } = filters
  const width = useWidth()
  const { uploads } = useUploads()
  const canFetch = useQuery(canFetchQuery).data ?? false
  const [adding, setAdding] = useState<'upload' | 'import' | undefined>(get('add') === 'upload' ? 'upload' : undefined)
  const close = () => {
    setAdding(undefined)
    if (get('add')) set({ add: '' })
  }
  const canMake = canChange(session)
  const isSharing = session.sharing !== 'off'
  const kinds: Kind[] = isSharing ? ['public', 'private', 'shared'] : ['public', 'private']
  const word = get('kind')
  const kind: Kind = isKind(word) && kinds.includes(word) ? word : 'private'
  const [search, status, after, sort] = [get('search'), get('status'), get('after'), get('sort')]
  const list = useQuery({ ...imagesQuery({ kind, search, status, marker: after, sort, limit: PAGE }), placeholderData: ofSameKind(kind) })
  useFirstPageWhenGone(filters, list.error)
  const counts = useQuery({ ...countsQuery({ search, status }), placeholderData: keepPreviousData }).data
  const images = useMemo(() => list.data?.images ?? [], [list.data])
  const [keys, setKeys] = useState<React.Key[]>([])
  // Rows that are about to be replaced are nobody's choice.
  const isOld = list.isPlaceholderData
  const selected = useMemo(() => (isOld ? [] : images.filter(({ id }) => keys.includes(id))), [images, keys, isOld])
  const { actions, dialogs, share } = useImageActions(selected, () => setKeys([]))
  const columns = useMemo(() => imageColumns({ t, kind, session, uploads, sort, width }), [t, kind, session, uploads, sort, width])

  const isFiltered = !!(search || status)
  // Kept as it is while the tabs' counts and the toolbar change: its rows are most of what is drawn.
  const table = useMemo(
    () => (
      <Table<Image>
        size="middle"
        rowKey="id"
        columns={columns}
        dataSource={images}
        loading={{ spinning: list.isPending || isOld, delay: list.isPending ? 0 : SOON }}
        className="list"
        pagination={false}
        tableLayout="fixed"
        onChange={(_, __, by) => {
          const { columnKey, order } = Array.isArray(by) ? {} as { columnKey?: React.Key; order?: string } : by
          set({ sort: order ? `${String(columnKey)}:${order === 'ascend' ? 'asc' : 'desc'}` : '' })
        }}
        locale={{ emptyText: list.isPending ? ' ' : <NoImages kind={kind} isFiltered={isFiltered} onClear={() => set({ search: '', status: '' })} /> }}
        rowSelection={{
          columnWidth: 44, selectedRowKeys: keys, onChange: setKeys,
          getCheckboxProps: ({ name, id }) => ({ 'aria-label': t('select', { name: name ?? id }) }),
        }}
      />
    ),
    [columns, images, list.isPending, isOld, kind, isFiltered, keys, set, t],
  )
  const label = (of: Kind) => (
    <>
      {t(`kind.${of}`)}
      <span className="quiet number" aria-hidden style={{ marginInlineStart: 6 }}>{counts?.[of] ?? ''}</span>
    </>
  )
  return (
    <>
      <PageHead title={t('nav.images')}>
        {canFetch && <Button icon={<CloudDownloadOutlined aria-hidden />} disabled={!canMake} onClick={() => setAdding('import')}>{t('import.title')}</Button>}
        <Why reason={canMake ? null : 'readerOnly'}>
          <Button icon={<UploadOutlined aria-hidden />} disabled={!canMake} onClick={() => setAdding('upload')}>{t('upload.title')}</Button>
        </Why>
      </PageHead>
      {!isSharing && <Alert type="info" showIcon style={{ marginBottom: 12 }} title={t('reason.sharingOff')} />}
      <Tabs
        activeKey={kind}
        onChange={(to) => {
          setKeys([])
          set({ kind: to }, { push: true })
        }}
        items={kinds.map((of) => ({ key: of, label: label(of) }))}
      />
      {kind === 'shared' && session.sharing === 'any' && session.project && <Offered project={session.project} />}
      <div className="toolbar">
        <SearchBox label={t('images.search')} value={search} onChange={(text) => set({ search: text })} />
        <Select
          aria-label={t('column.status')}
          style={{ width: 150 }}
          value={status}
          onChange={(value) => set({ status: value })}
          options={[
            { value: '', label: t('filter.anyStatus') }, { value: 'active', label: t('status.ready') },
            { value: 'in:saving,uploading,importing', label: t('filter.beingMade') }, { value: 'queued', label: t('status.queued') },
            { value: 'deactivated', label: t('status.deactivated') },
          ]}
        />
        <span style={{ flex: 1 }} />
        {selected.length > 0 && <span className="quiet">{t('selected', { count: selected.length })}</span>}
        {isSharing && <ShareButton {...share} />}
        <ActionsMenu label={t('images.more')} actions={actions} />
      </div>
      {list.error && !list.data ? (
        <Failure error={list.error} retry={() => void list.refetch()} />
      ) : (
        <div className="card">
          {table}
          <Pager after={after} next={images.length === PAGE ? images.at(-1)?.id : undefined} onGo={(to) => set({ after: to }, { push: true })} />
        </div>
      )}
      {dialogs}
      {adding === 'upload' && <UploadImage onClose={close} />}
      {adding === 'import' && <ImportImage onClose={close} />}
    </>
  )
}

function NoImages({ kind, isFiltered, onClear }: { kind: Kind; isFiltered: boolean; onClear: () => void }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { runs_instances } = useSession()
  if (isFiltered) return <Empty title={t('empty.noMatch')} action={<Button onClick={onClear}>{t('empty.clear')}</Button>} />
  const action = kind === 'private' && runs_instances && <Button onClick={() => void navigate(paths.instances)}>{t('images.empty.toInstances')}</Button>
  return <Empty title={t(`images.empty.${kind}`)} what={t(`images.empty.${kind}What`)} action={action} />
}
