import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Button, Skeleton } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../../api/errors'
import type { Image } from '../../api/images'
import { markerIn, type Share, sharesQuery } from '../../api/shares'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { Note } from '../../components/OfferTerms'
import { Pager } from '../../components/Pager'
import { StatusMark } from '../../components/StatusBadge'
import { Until } from '../../components/Until'
import { useProjectNames } from '../../components/useProjectNames'
import { useSession } from '../../components/useSession'
import { useTurns } from '../../components/useTurns'
import { canWithImage } from '../../lib/can'
import { visible } from '../../lib/text'
import { EditTerms } from './EditTerms'
import { EndShare } from './EndShare'
import { ShareHistory } from './ShareHistory'

const MOODS = { pending: 'warn', accepted: 'good', rejected: 'still' } as const

/** The projects that see an image and on which terms, and what became of its shares. */
export function Sharing({ image }: { image: Image }) {
  const { t } = useTranslation()
  const session = useSession()
  const isShared = image.visibility === 'shared'
  const isOwn = session.is_admin || image.owner === session.project?.id
  const nameOf = useProjectNames(true)
  return (
    <>
      <section className="card padded" aria-label={t('imageTab.sharing')}>
        <p className="quiet lead">{t(`sees.${image.visibility}`)}</p>
        {isShared && <Shares image={image} nameOf={nameOf} />}
      </section>
      {(isOwn || isShared) && (
        <section className="card padded" aria-labelledby="share-history">
          <h2 id="share-history">{t('shares.history')}</h2>
          <ShareHistory image={image.id} side={isOwn ? 'own' : 'received'} nameOf={nameOf} />
        </section>
      )}
    </>
  )
}

function Shares({ image, nameOf }: { image: Image; nameOf: (project: string) => string | undefined }) {
  const { t } = useTranslation()
  const session = useSession()
  const { after, pager, toFirst } = useTurns()
  const { data, error, refetch, isPlaceholderData } = useQuery({ ...sharesQuery(image.id, after), placeholderData: keepPreviousData })
  const [dialog, setDialog] = useState<{ kind: 'edit' | 'end'; share: Share }>()
  // The last share of a page ended, or the one that the page begins after.
  const isLost = after !== '' && ((error instanceof ApiError && error.status === 400) || (!isPlaceholderData && data?.shares.length === 0))
  useEffect(() => {
    if (isLost) toFirst()
  }, [isLost, toFirst])
  if (error && !data) return <Failure error={error} retry={() => (after === '' ? void refetch() : toFirst())} />
  if (!data) return <Skeleton active title={false} />
  const name = ({ project_id: id, project_name }: Share) => nameOf(id) ?? project_name ?? id
  const close = () => setDialog(undefined)
  const reason = canWithImage('edit', image, session)
  return (
    <>
      {data.shares.length === 0 && after === '' && <p className="quiet">{t('image.noMembers')}</p>}
      <ul className="doings shares">
        {data.shares.map((share) => <Row key={share.project_id} share={share} name={name(share)} act={reason === null ? (kind) => setDialog({ kind, share }) : undefined} />)}
      </ul>
      <Pager {...pager(markerIn(data.next))} />
      {dialog?.kind === 'edit' && <EditTerms image={image} share={dialog.share} name={name(dialog.share)} onClose={close} />}
      {dialog?.kind === 'end' && <EndShare image={image} share={dialog.share} name={name(dialog.share)} onClose={close} />}
    </>
  )
}

function Row({ share, name, act }: { share: Share; name: string; act?: (kind: 'edit' | 'end') => void }) {
  const { t } = useTranslation()
  const { status, expires_at, reason, note, launches, downloads, shared_at } = share
  const of = { project: visible(name) }
  return (
    <li>
      <div className="share-whom">
        <div className="share-title"><strong><Name>{name}</Name></strong> <StatusMark mood={MOODS[status]}>{t(`member.${status}`)}</StatusMark> <span className="quiet"><Ago at={shared_at} /></span></div>
        {note && <Note isShort={!!act}>{note}</Note>}
        {reason && <div className="break"><span className="quiet">{t('terms.reason')}:</span> {visible(reason)}</div>}
      </div>
      <div className="share-terms">
        <div>{expires_at ? <Until at={expires_at} /> : <span className="quiet">{t('terms.noEnd')}</span>}</div>
        <div>{t('shares.launched', { count: launches })} · {t('shares.downloaded', { count: downloads })}</div>
      </div>
      {act && (
        <div className="row-acts">
          <Button size="small" aria-label={t('terms.editOf', of)} onClick={() => act('edit')}>{t('terms.edit')}</Button>
          <Button size="small" danger aria-label={t('shares.endOf', of)} onClick={() => act('end')}>{t('shares.end')}</Button>
        </div>
      )}
    </li>
  )
}
