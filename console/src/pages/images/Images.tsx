import { CloudDownloadOutlined, UploadOutlined } from '@ant-design/icons'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Alert, Button, Select, Table, Tabs, Tag } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { canFetchQuery } from '../../api/imports'
import { allImages, countsQuery, type Image, imagesQuery, type ImagesTab, type Kind } from '../../api/images'
import { ActionsMenu } from '../../components/ActionsMenu'
import { Failure } from '../../components/Failure'
import { type Chip, ListTools } from '../../components/ListTools'
import { OwnerFilter } from '../../components/OwnerFilter'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { SearchBox } from '../../components/SearchBox'
import { Why } from '../../components/Why'
import { useUploads } from '../../components/Uploads'
import { useColumns } from '../../components/useColumns'
import { useFilters, useFirstPageWhenGone } from '../../components/useFilters'
import { useOwnerNames } from '../../components/useOwnerNames'
import { usePages } from '../../components/usePages'
import { useProjectNames } from '../../components/useProjectNames'
import { useSession } from '../../components/useSession'
import { canChange } from '../../lib/can'
import { csv } from '../../lib/csv'
import { osOf } from '../../lib/os'
import { paths } from '../../paths'
import { Empty } from '../../ui/Empty'
import { choosableColumns, imageColumns } from './columns'
import { FILTERS, VERDICTS, ImageFilters } from './ImageFilters'
import { ImportImage } from './ImportImage'
import { RejectedImages } from './RejectedImages'
import { ReceivedHistory } from './ReceivedHistory'
import { ShareButton } from './ShareButton'
import { UploadImage } from './UploadImage'
import { useImageActions } from './useImageActions'
import { useOffers } from './useOffers'

const PAGE = 25
/** The word for a failed save in the place of a status: the record waits for a file again. */
const FAILED = 'failed'
const STATUSES = [
  { value: 'active', label: 'status.ready' }, { value: 'in:saving,uploading,importing', label: 'filter.beingMade' }, { value: 'queued', label: 'status.queued' },
  { value: FAILED, label: 'list.failed' }, { value: 'deactivated', label: 'status.deactivated' },
] as const
/** The words for the columns that can be chosen. */
const COLUMN = {
  status: 'column.status', os: 'column.os', size: 'column.size', stored: 'column.stored', visibility: 'column.visibility', owner: 'column.from', verification: 'column.verification',
  created_at: 'column.age', updated_at: 'list.updated', format: 'column.format', tags: 'list.tag', id: 'access.id',
} as const
/** Old rows are greyed when the new ones take longer than so many milliseconds. */
const SOON = 150
/** Keeps the rows while others are on their way, but never those of another tab. */
function ofSameKind<T>(kind: Kind | undefined) {
  return (rows: T | undefined, before: { queryKey: readonly unknown[] } | undefined) =>
    (before?.queryKey[2] as { kind?: Kind } | undefined)?.kind === kind ? rows : undefined
}

const isKind = (word: string): word is ImagesTab => ['public', 'private', 'shared', 'community', 'all'].includes(word)

export function Images() {
  const { t, i18n } = useTranslation()
  const session = useSession()
  const filters = useFilters()
  const { get, set } = filters
  const { uploads } = useUploads()
  const canFetch = useQuery(canFetchQuery).data ?? false
  const [adding, setAdding] = useState<'upload' | 'import' | undefined>(get('add') === 'upload' ? 'upload' : undefined)
  const close = () => {
    setAdding(undefined)
    if (get('add')) set({ add: '' })
  }
  const canMake = canChange(session)
  const isSharing = session.sharing !== 'off'
  const word = get('kind')
  const [search, status, sort] = [get('search'), get('status'), get('sort')]
  const isOpen = (tab: ImagesTab) => (tab === 'shared' ? isSharing : tab !== 'all' || session.is_admin)
  const asked = isKind(word) && isOpen(word) ? word : 'private'
  const everywhere = asked === 'all'
  const kindAsked = asked === 'all' ? undefined : asked
  const owner = everywhere ? get('owner') : ''
  const ownerOf = useOwnerNames(everywhere)
  const isFailed = status === FAILED
  const conditions = {
    search, status: isFailed ? '' : status, failed: isFailed ? 'true' : '', os_distro: get('os'), tag: get('tag'), ...VERDICTS[get('verdict') as keyof typeof VERDICTS], os_hidden: get('hidden') && 'true',
    // Only one's own images, and those of all projects, are of several visibilities.
    visibility: everywhere ? get('visibility') || 'all' : asked === 'private' ? get('visibility') : '',
    owner,
  }
  // The images of all projects are of no kind that could be counted with the others.
  const counted = everywhere ? { ...conditions, visibility: '', owner: '' } : conditions.visibility ? { ...conditions, kind: kindAsked } : conditions
  const counts = useQuery({ ...countsQuery(counted), placeholderData: keepPreviousData }).data
  // Few deployments have images of this kind.
  const hasCommunity = asked === 'community' || (counts?.community ?? 0) > 0
  const kinds: ImagesTab[] = ['public', 'private', ...(isSharing ? ['shared' as const] : []), ...(hasCommunity ? ['community' as const] : []), ...(session.is_admin ? ['all' as const] : [])]
  const kind = asked
  const [keys, setKeys] = useState<React.Key[]>([])
  const { after, before, pager, useWholePage } = usePages(filters, PAGE, () => setKeys([]))
  const list = useQuery({ ...imagesQuery({ kind: kindAsked, ...conditions, marker: after, before, sort, limit: PAGE }), placeholderData: ofSameKind(kindAsked) })
  useFirstPageWhenGone(filters, list.error)
  useWholePage(list.isPlaceholderData ? undefined : list.data?.images.length)
  // A list that is one page long is counted by its rows.
  const isWhole = after === '' && before === '' && (list.data?.images.length ?? PAGE) < PAGE
  const chips = useChips(filters, kind, ownerOf)
  const isFiltered = !!search || chips.length > 0
  const isShared = kind === 'shared' && isSharing
  const sharerOf = useProjectNames(isShared)
  const nameOf = everywhere ? ownerOf : sharerOf
  // Offers stand before the shared images, on their first page.
  const { count: offers, offered, terms, answer } = useOffers(isShared && !isFiltered && !after && !before)
  const images = useMemo(() => list.data?.images ?? [], [list.data])
  // One that was just accepted may be in both.
  const rows = useMemo(() => [...offered.filter((offer) => !images.some(({ id }) => id === offer.id)), ...images], [offered, images])
  const ids = rows.slice(0, rows.length - images.length).map(({ id }) => id).join()
  // Rows that are about to be replaced are nobody's choice.
  const isOld = list.isPlaceholderData
  const selected = useMemo(() => (isOld ? [] : images.filter(({ id }) => keys.includes(id))), [images, keys, isOld])
  const { actions, dialogs, share } = useImageActions(selected, () => setKeys([]))
  const choosable = choosableColumns(kind)
  const { shown, isChosen, choose } = useColumns(everywhere ? 'all-images' : 'images', choosable)
  const shownKeys = shown.join()
  const columns = useMemo(
    () => imageColumns({ t, uploads, sort, everywhere, shown: shownKeys.split(','), nameOf, offers: { ids: ids.split(','), terms, answer: canMake ? ({ id, name }, status) => answer({ id, name, status }) : undefined } }),
    [t, uploads, sort, everywhere, shownKeys, nameOf, ids, terms, canMake, answer],
  )
  const clear = () => set({ search: '', status: '', owner: '', ...Object.fromEntries(FILTERS.map((name) => [name, ''])) })
  const save = async () => {
    const all = await allImages({ kind: kindAsked, ...conditions, sort })
    const head = ['id', 'name', 'status', 'visibility', 'os', 'format', 'size_bytes', 'stored_bytes', 'verdict', 'tags', 'owner', 'created_at', 'updated_at']
    return csv(head, all.map((image) => [image.id, image.name, image.status, image.visibility, osOf(image), image.disk_format, image.size, image.effigy.stored_bytes, image.effigy.verdict, image.tags.join(' '), everywhere ? nameOf(image.owner) ?? image.owner : image.owner, image.created_at, image.updated_at]))
  }
  // Kept as it is while the tabs' counts and the toolbar change: its rows are most of what is drawn.
  const table = useMemo(
    () => (
      <Table<Image>
        size="middle"
        rowKey="id"
        columns={columns}
        dataSource={rows}
        loading={{ spinning: list.isPending || isOld, delay: list.isPending ? 0 : SOON }}
        className="list"
        pagination={false}
        tableLayout="fixed"
        scroll={isChosen ? { x: columns.reduce((sum, { width }) => sum + (Number(width) || 240), 44) } : undefined}
        onChange={(_, __, by) => {
          const { columnKey, order } = Array.isArray(by) ? {} as { columnKey?: React.Key; order?: string } : by
          set({ sort: order ? `${String(columnKey)}:${order === 'ascend' ? 'asc' : 'desc'}` : '' })
        }}
        locale={{ emptyText: list.isPending ? ' ' : <NoImages kind={kind} isFiltered={isFiltered} onClear={clear} /> }}
        rowSelection={{
          columnWidth: 44, selectedRowKeys: keys, onChange: setKeys,
          getCheckboxProps: ({ name, id }) => ({ 'aria-label': t('select', { name: name ?? id }), disabled: ids.split(',').includes(id) }),
        }}
      />
    ),
    // `clear` is of the same filters.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [columns, rows, ids, list.isPending, isOld, kind, isFiltered, isChosen, keys, set, t],
  )
  const label = (of: ImagesTab) => of === 'all' ? t('admin.scope.all') : (
    <>
      {t(`kind.${of}`)}
      <span className="quiet number" aria-hidden style={{ marginInlineStart: 6 }}>{counts?.[of]?.toLocaleString(i18n.language) ?? ''}</span>
      {of === 'shared' && offers > 0 && <Tag className="accent" style={{ marginInlineStart: 6 }}>{t('offer.count', { count: offers })}</Tag>}
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
          set({ kind: to, owner: '' }, { push: true })
        }}
        items={kinds.map((of) => ({ key: of, label: label(of) }))}
      />
      <div className="toolbar">
        <SearchBox label={t('list.search')} value={search} onChange={(text) => set({ search: text })} />
        <Select
          aria-label={t('column.status')}
          style={{ width: 150 }}
          value={status}
          onChange={(value) => set({ status: value })}
          options={[{ value: '', label: t('filter.anyStatus') }, ...STATUSES.map(({ value, label }) => ({ value, label: t(label) }))]}
        />
        <div className="acts">
          {selected.length > 0 && <span className="quiet">{t('selected', { count: selected.length })}</span>}
          {isSharing && <ShareButton {...share} />}
          <ActionsMenu label={t('images.more')} actions={actions} />
        </div>
      </div>
      <ListTools
        chips={chips}
        filters={<>{everywhere && <OwnerFilter filters={filters} />}<ImageFilters filters={filters} kind={kind} /></>}
        columns={choosable.map(({ key }) => ({ key, label: t(everywhere && key === 'owner' ? 'project.label' : COLUMN[key as keyof typeof COLUMN]) }))}
        shown={shown}
        isChosen={isChosen}
        choose={choose}
        save={save}
        fileName="images.csv"
      />
      {list.error && !list.data ? (
        <Failure error={list.error} retry={() => void list.refetch()} />
      ) : (
        <div className="card">
          {table}
          <Pager {...pager(images.map(({ id }) => id), isOld ? undefined : everywhere ? (isWhole ? images.length : undefined) : counts?.[kind as Kind] ?? undefined)} />
        </div>
      )}
      {isShared && <RejectedImages nameOf={nameOf} reason={canMake ? null : 'readerOnly'} accept={({ id, name }) => answer({ id, name, status: 'accepted' })} />}
      {isShared && <ReceivedHistory filters={filters} />}
      {dialogs}
      {adding === 'upload' && <UploadImage onClose={close} />}
      {adding === 'import' && <ImportImage onClose={close} />}
    </>
  )
}

/** The filters that hold, but for the search, which has its own field. */
function useChips({ get, set }: ReturnType<typeof useFilters>, kind: ImagesTab, ownerOf: (id: string) => string | undefined): Chip[] {
  const { t } = useTranslation()
  const chip = (word: string, name: string, value?: string): Chip[] => (get(word) === '' ? [] : [{ name, value, remove: () => set({ [word]: '' }) }])
  const status = STATUSES.find(({ value }) => value === get('status'))
  return [
    ...chip('status', t('column.status'), status ? t(status.label) : get('status')),
    ...chip('os', t('column.os'), get('os')),
    ...chip('tag', t('list.tag'), get('tag')),
    ...(kind === 'all' ? chip('owner', t('project.label'), ownerOf(get('owner')) ?? get('owner')) : []),
    ...(kind === 'private' || kind === 'all' ? chip('visibility', t('column.visibility'), t(`visibility.${get('visibility') as 'private'}`)) : []),
    ...chip('verdict', t('column.verification'), get('verdict') in VERDICTS ? t(`list.${get('verdict') as keyof typeof VERDICTS}`) : get('verdict')),
    ...chip('hidden', t('list.hidden')),
  ]
}

function NoImages({ kind, isFiltered, onClear }: { kind: ImagesTab; isFiltered: boolean; onClear: () => void }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { runs_instances } = useSession()
  if (isFiltered) return <Empty title={t('empty.noMatch')} action={<Button onClick={onClear}>{t('empty.clear')}</Button>} />
  if (kind === 'all') return <Empty title={t('admin.scope.noImages')} />
  if (kind === 'community') return <Empty title={t('community.title')} what={t('community.what')} />
  const action = kind === 'private' && runs_instances && <Button onClick={() => void navigate(paths.instances)}>{t('images.empty.toInstances')}</Button>
  return <Empty title={t(`images.empty.${kind}`)} what={t(`images.empty.${kind}What`)} action={action} />
}
