import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { markerIn, type ShareEvent, shareHistoryQuery, type ShareUse } from '../../api/shares'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { Pager } from '../../components/Pager'
import { useTurns } from '../../components/useTurns'
import { wholeTime } from '../../lib/time'
import { visible } from '../../lib/text'

/** The history of the shares of an image, or of all that was offered to this project; `side`: the reader's. */
export function ShareHistory({ image, side, nameOf }: { image?: string; side: 'own' | 'received'; nameOf: (project: string) => string | undefined }) {
  const { t } = useTranslation()
  const { after, pager } = useTurns()
  const { data, error, refetch } = useQuery({ ...shareHistoryQuery(image, after), placeholderData: keepPreviousData })
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />
  if (!data) return <Skeleton active title={false} />
  const { history, uses, next } = data
  // A full page may be the last one: the next has nothing then.
  if (history.length === 0 && after === '') return <p className="quiet">{t('shares.noHistory')}</p>
  return (
    <>
      {after === '' && uses.length > 0 && <Uses of={uses} title={(use) => (image === undefined ? (history.find((step) => step.image === use.image)?.image_name ?? use.image) : (nameOf(use.project_id) ?? use.project_id))} />}
      <ol className="lines steps">
        {history.map((step) => <Step key={step.id} step={step} side={side} project={nameOf(step.project_id) ?? step.project_id} />)}
      </ol>
      {history.length === 0 && <p className="quiet">{t('shares.noMore')}</p>}
      <Pager {...pager(markerIn(next))} />
    </>
  )
}

function Step({ step: { step, at, expires_at, reason, image, image_name }, side, project }: { step: ShareEvent; side: 'own' | 'received'; project: string }) {
  const { t, i18n } = useTranslation()
  const until = (step === 'shared' || step === 'changed') && expires_at
  return (
    <li>
      <span className="break">
        {t(`shares.${side}.${step}`, { project: visible(project), image: visible(image_name ?? image) })}
        {until && <span className="quiet"> · {t('shares.until', { time: wholeTime(until, i18n.language) })}</span>}
        {reason && (step === 'shared' || step === 'changed') && <span className="quiet"> · {t('channel.because', { reason: visible(reason) })}</span>}
      </span>
      <Ago at={at} />
    </li>
  )
}

function Uses({ of, title }: { of: ShareUse[]; title: (use: ShareUse) => string }) {
  const { t } = useTranslation()
  return (
    <ul className="lines uses">
      {of.map((use) => (
        <li key={`${use.image}/${use.project_id}`}>
          <span className="break"><strong><Name>{title(use)}</Name></strong> <span className="quiet">{t('shares.launched', { count: use.launches })} · {t('shares.downloaded', { count: use.downloads })}</span></span>
          <Ago at={use.last_at} />
        </li>
      ))}
    </ul>
  )
}
