import { useQuery } from '@tanstack/react-query'
import { Skeleton, Tabs } from 'antd'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'
import { isGone } from '../../api/errors'
import { descendantsQuery, type Image, imageQuery } from '../../api/images'
import { instancesOfImageQuery } from '../../api/instances'
import { sharesQuery } from '../../api/shares'
import { ActionsMenu } from '../../components/ActionsMenu'
import { Ago } from '../../components/Ago'
import { Missing } from '../../components/Missing'
import { NotFound } from '../../components/NotFound'
import { PageHead } from '../../components/PageHead'
import { ImageStatusBadge, VerdictBadge } from '../../components/StatusBadge'
import { useFilters } from '../../components/useFilters'
import { useProjectNames } from '../../components/useProjectNames'
import { useSession } from '../../components/useSession'
import { bytes } from '../../lib/bytes'
import { osOf } from '../../lib/os'
import { propertiesOf } from '../../lib/properties'
import { IMAGE_TABS, type ImageTab, paths } from '../../paths'
import { Lineage } from './Lineage'
import { MainAction } from './MainAction'
import { Notices } from './Notices'
import { Overview } from './Overview'
import { Properties } from './Properties'
import { Received } from './Received'
import { ShareButton } from './ShareButton'
import { Sharing } from './Sharing'
import { Storage } from './Storage'
import { StoresCard } from './Stores'
import { useImageActions } from './useImageActions'
import { UsedBy } from './UsedBy'
import { SecurityReport } from './SecurityReport'
import { VisibilityTag } from './VisibilityTag'

export function ImagePage() {
  const { t } = useTranslation()
  const { id = '' } = useParams()
  const session = useSession()
  const query = useQuery(imageQuery(id))
  // It was there when the page was opened. Of one of others nobody tells whether it was deleted or is shared no more.
  if (query.data && isGone(query.error)) {
    const isOwn = session.is_admin || query.data.owner === session.project?.id
    return <NotFound title={t(isOwn ? 'image.gone' : 'image.goneOrUnshared', { name: query.data.name ?? id })} />
  }
  if (query.data) return <Details image={query.data} />
  if (query.error) return <Missing title={t('nav.images')} error={query.error} retry={() => void query.refetch()} />
  return <Skeleton active paragraph={{ rows: 8 }} />
}

function Details({ image }: { image: Image }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const session = useSession()
  const { get, set } = useFilters()
  const { actions, dialogs, share } = useImageActions([image], () => void navigate(paths.images))
  const isShared = image.visibility === 'shared' && session.sharing !== 'off'
  const { data: made = [] } = useQuery(descendantsQuery(image.id))
  const { data: instances = [] } = useQuery({ ...instancesOfImageQuery(image.id), enabled: session.runs_instances })
  const shares = useQuery({ ...sharesQuery(image.id), enabled: isShared }).data
  const tabs: Record<ImageTab, { count?: number; isMore?: boolean; children: React.ReactNode } | null> = {
    overview: { children: <Overview image={image} /> },
    report: { count: image.effigy.problems ?? 0, children: <SecurityReport image={image} /> },
    uses: { count: made.length + instances.length, children: <UsedBy image={image} instances={instances} made={made} /> },
    sharing: session.sharing === 'off' ? null : { count: shares?.shares.length, isMore: shares?.next !== null, children: <Sharing image={image} /> },
    properties: { count: propertiesOf(image).length + image.tags.length, children: <Properties image={image} edit={actions.find(({ key }) => key === 'edit')} /> },
    storage: { children: <><Storage image={image} /><StoresCard image={image} /><Lineage image={image} made={made} /></> },
  }
  const shown = IMAGE_TABS.filter((tab) => tabs[tab] !== null)
  return (
    <>
      <PageHead title={image.name ?? image.id} status={<ImageStatusBadge image={image} />}>
        {session.sharing !== 'off' && <ShareButton {...share} />}
        <ActionsMenu label={t('images.more')} actions={actions.filter(({ key }) => key !== 'launch')} />
        <MainAction actions={actions} />
      </PageHead>
      <Notices image={image} />
      {isShared && <Received image={image} shares={shares?.shares ?? []} />}
      <Strip image={image} />
      <Tabs
        className="page-tabs"
        activeKey={shown.find((tab) => tab === get('tab')) ?? 'overview'}
        onChange={(tab) => set({ tab: tab === 'overview' ? '' : tab })}
        destroyOnHidden
        animated={false}
        items={shown.map((tab) => ({ key: tab, label: <TabLabel text={t(`imageTab.${tab}`)} count={tabs[tab]?.count} isMore={tabs[tab]?.isMore} />, children: tabs[tab]?.children }))}
      />
      {dialogs}
    </>
  )
}

function TabLabel({ text, count, isMore }: { text: string; count?: number; isMore?: boolean }) {
  return <>{text}{count ? <span className="tab-count number"> {count}{isMore && '+'}</span> : null}</>
}

/** The answers that a person comes for, in one row. */
function Strip({ image }: { image: Image }) {
  const { t } = useTranslation()
  const { project } = useSession()
  const owner = useProjectNames(image.visibility === 'shared' && image.owner !== project?.id)(image.owner)
  const facts: [string, React.ReactNode][] = [
    [t('column.verification'), <VerdictBadge key="v" image={image} />],
    [t('column.os'), osOf(image)],
    [t('image.disk'), <span key="d" className="number">{bytes(image.virtual_size)}</span>],
    [t('column.visibility'), <VisibilityTag key="t" image={image} />],
    [t('image.owner'), owner ?? <span key="o" className="mono" title={image.owner}>{image.owner.slice(0, 8)}</span>],
    [t('column.created'), <Ago key="a" at={image.created_at} />],
  ]
  return <dl className="strip card">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
}
