import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Skeleton, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate, useParams } from 'react-router'
import { type Channel, channelHistoryQuery, channelQuery, deleteChannel, type Release, releasesQuery } from '../../api/channels'
import { type Action, ActionsMenu } from '../../components/ActionsMenu'
import { Ago } from '../../components/Ago'
import { Missing } from '../../components/Missing'
import { Name } from '../../components/Name'
import { PageHead } from '../../components/PageHead'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { useWidth } from '../../components/useWidth'
import { Why } from '../../components/Why'
import { canRelease } from '../../lib/can'
import { visible } from '../../lib/text'
import { paths } from '../../paths'
import { EndOfLife } from './EndOfLife'
import { Ending } from '../../components/Ending'
import { Older } from './Older'
import { Promote } from '../../components/Promote'
import { RollBack } from './RollBack'

export function ChannelPage() {
  const { t } = useTranslation()
  const { id = '' } = useParams()
  const { data, error, refetch } = useQuery(channelQuery(id))
  if (data) return <Details channel={data} />
  if (error) return <Missing title={t('channel.title')} error={error} retry={() => void refetch()} />
  return <Skeleton active paragraph={{ rows: 8 }} />
}

function Details({ channel }: { channel: Channel }) {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const navigate = useNavigate()
  const fail = useFail()
  const queries = useQueryClient()
  const session = useSession()
  const [dialog, setDialog] = useState<'promote' | 'rollBack' | 'end' | Release>()
  const releases = useQuery(releasesQuery(channel.id)).data ?? []
  const reason = canRelease(channel, session)
  const close = () => setDialog(undefined)
  const remove = () =>
    modal.confirm({
      title: t('channel.deleteTitle', { name: visible(channel.name) }),
      content: t('channel.deleteWhat'),
      okText: t('images.action.delete'),
      okButtonProps: { danger: true },
      onOk: () =>
        deleteChannel(channel.id)
          .then(() => navigate(paths.channels))
          .catch((error: unknown) => fail(t('images.action.delete'), error))
          .finally(() => queries.invalidateQueries({ queryKey: ['channels', 'list'] })),
    })
  const actions: Action[] = [
    { key: 'end', label: t('channel.end'), reason, run: () => setDialog('end') },
    { key: 'delete', label: t('channel.delete'), reason, danger: true, apart: true, run: remove },
  ]
  const isFirst = releases.length < 2
  return (
    <>
      <PageHead title={channel.name} status={<Ending of={channel} />}>
        <ActionsMenu label={t('images.more')} actions={actions} />
        <Why reason={reason}><Button disabled={reason !== null || isFirst} onClick={() => setDialog('rollBack')}>{t('channel.rollBack')}</Button></Why>
        <Why reason={reason}><Button type="primary" disabled={reason !== null} onClick={() => setDialog('promote')}>{t('channel.promote')}</Button></Why>
      </PageHead>
      <p className="quiet">{t('channel.how', { name: visible(channel.name) })}</p>
      <Releases releases={releases} edit={reason === null ? setDialog : undefined} />
      <div className="columns">
        {session.runs_instances && <Older channel={channel} />}
        {(session.is_admin || channel.project_id === session.project?.id) && <History channel={channel} />}
      </div>
      {dialog === 'promote' && <Promote channel={channel} onClose={close} />}
      {dialog === 'rollBack' && <RollBack channel={channel} onClose={close} />}
      {dialog === 'end' && <EndOfLife channel={channel} onClose={close} />}
      {typeof dialog === 'object' && <EndOfLife channel={channel} release={dialog} onClose={close} />}
    </>
  )
}

function Releases({ releases, edit }: { releases: Release[]; edit?: (release: Release) => void }) {
  const { t } = useTranslation()
  const isWide = useWidth() >= 992
  const label = (number: number) => t('channel.releaseOf', { number })
  return (
    <section className="card" aria-label={t('channel.releases')}>
      <Table<Release>
        size="middle"
        rowKey="number"
        dataSource={releases}
        pagination={false}
        tableLayout="fixed"
        columns={[
          {
            title: t('channel.release'), render: (_, one) => (
              <>
                <Link to={paths.image(one.image)}>{label(one.number)}</Link> {one.is_current && <strong>{t('channel.current')}</strong>} <Ending of={one} />
                {one.status === 'deactivated' && <span className="quiet"> {t('status.deactivated')}</span>}
                {!isWide && <div className="quiet"><Ago at={one.released_at} /></div>}
                {one.notes && <div className="quiet break" style={{ whiteSpace: 'pre-wrap' }}>{one.notes}</div>}
              </>
            ),
          },
          ...(isWide ? [{ title: t('channel.formerName'), width: 240, render: (_: unknown, { former_name: name }: Release) => <span className="name-cell"><Name>{name ?? '–'}</Name></span> }] : []),
          ...(isWide ? [{ title: t('channel.released'), width: 160, render: (_: unknown, { released_at }: Release) => <Ago at={released_at} /> }] : []),
          ...(edit ? [{ title: '', key: 'do', width: 96, align: 'right' as const, render: (_: unknown, one: Release) => <Button size="small" aria-label={`${t('images.action.edit')}: ${label(one.number)}`} onClick={() => edit(one)}>{t('images.action.edit')}</Button> }] : []),
        ]}
      />
    </section>
  )
}

function History({ channel }: { channel: Channel }) {
  const { t } = useTranslation()
  const steps = useQuery(channelHistoryQuery(channel.id)).data ?? []
  return (
    <section className="card padded" aria-labelledby="history">
      <h2 id="history">{t('channel.history')}</h2>
      <ul className="lines">
        {steps.map((step) => (
          <li key={step.step}>
            <span className="break">
              {t(`channel.step.${step.action}`, { number: step.release, user: visible(step.user_name) })}
              {step.reason && <span className="quiet"> {t('channel.because', { reason: visible(step.reason) })}</span>}
            </span>
            <Ago at={step.at} />
          </li>
        ))}
      </ul>
    </section>
  )
}
