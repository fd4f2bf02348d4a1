import { SafetyCertificateOutlined, SyncOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Skeleton } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { hasBytes, highFindings, isCurable, isUnderWay, otherReasons, type Verification, verificationQuery, verifyAgain } from '../../api/verification'
import { Failure } from '../../components/Failure'
import { StatusMark, VerdictBadge } from '../../components/StatusBadge'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { Why } from '../../components/Why'
import { translated } from '../../i18n'
import { canWithImage } from '../../lib/can'
import { wholeTime } from '../../lib/time'
import { CleanCopy } from './CleanCopy'
import { Findings } from './Findings'
import { Statement } from './Statement'

/** The findings inside an image, and the signed statement of them. */
export function SecurityReport({ image }: { image: Image }) {
  const { t } = useTranslation()
  const session = useSession()
  const fail = useFail()
  const queries = useQueryClient()
  const [isStatementOpen, setStatementOpen] = useState(false)
  const isThere = hasBytes(image)
  const query = useQuery({ ...verificationQuery(image.id), enabled: isThere })
  const found = query.data
  const isBusy = found !== undefined && isUnderWay(found)
  // Its end may fill in the record, and let the image be Public or hold it back.
  const [wasBusy, setWasBusy] = useState(false)
  useEffect(() => {
    if (wasBusy && !isBusy) void queries.invalidateQueries({ queryKey: ['images', 'one', image.id] })
    setWasBusy(isBusy)
  }, [wasBusy, isBusy, queries, image.id])
  const again = useMutation({
    mutationFn: () => verifyAgain(image.id),
    onError: (error) => fail(t('verification.again'), error),
    onSettled: () => queries.invalidateQueries({ queryKey: ['images', 'verification', image.id] }),
  })
  const reason = canWithImage('edit', image, session)
  return (
    <section className="card padded" aria-label={t('imageTab.report')}>
      <div className="verification-head">
        {found && <State image={image} found={found} />}
        {found && <By found={found} />}
        <span className="grow" />
        {isThere && (
          <>
            <Button size="small" icon={<SafetyCertificateOutlined aria-hidden />} disabled={!found?.statement} onClick={() => setStatementOpen(true)}>{t('verification.save')}</Button>
            <Why reason={reason}>
              <Button size="small" icon={<SyncOutlined aria-hidden />} disabled={reason !== null || isBusy} loading={again.isPending} onClick={() => again.mutate()}>{t('verification.again')}</Button>
            </Why>
          </>
        )}
      </div>
      {!isThere && <p className="quiet">{t('verification.noBytes')}</p>}
      {query.isLoading && <Skeleton active title={false} paragraph={{ rows: 6 }} />}
      {query.error && !found && <Failure error={query.error} retry={() => void query.refetch()} />}
      {found && <Outcome image={image} found={found} />}
      {isStatementOpen && found && <Statement image={image} statement={found.statement} onClose={() => setStatementOpen(false)} />}
    </section>
  )
}

function State({ image, found: { state, progress } }: { image: Image; found: Verification }) {
  const { t } = useTranslation()
  if (state === 'running') return <StatusMark mood="moving">{`${t('verification.running')} ${progress ?? 0} %`}</StatusMark>
  if (state === 'waiting') return <StatusMark mood="moving">{t('verification.waiting')}</StatusMark>
  return <VerdictBadge image={image} />
}

/** When it was verified, and by which Effigy. */
function By({ found: { verified_at, verifier } }: { found: Verification }) {
  const { t, i18n } = useTranslation()
  if (!verified_at) return null
  return <span className="quiet small">{t('verification.by', { verifier, when: wholeTime(verified_at, i18n.language) })}</span>
}

function Outcome({ image, found }: { image: Image; found: Verification }) {
  const { t } = useTranslation()
  const { cleans } = useSession()
  const { report, verdict, statement } = found
  if (verdict === null) return statement && !isUnderWay(found) ? <p className="quiet">{t('verification.stale')}</p> : null
  return (
    <>
      <Reasons image={image} found={found} />
      {report && (
        <>
          {/* In a system that nobody knows, nothing was looked for: the notice says so. */}
          {report.findings.length === 0 && image.effigy.seen !== 'unknown' && <p className="quiet">{t('verification.nothing')}</p>}
          <Findings findings={report.findings} />
          {report.has_more_findings && <p className="quiet">{t('verification.more')}</p>}
          {cleans && isCurable(report) && <CleanCopy image={image} />}
        </>
      )}
    </>
  )
}

/** Why it did not pass, where that matters; else only that not everything is known. */
function Reasons({ image, found }: { image: Image; found: Verification }) {
  const { t } = useTranslation()
  const isForPublic = image.visibility === 'public'
  const high = highFindings(found).length
  const isUnknown = image.effigy.seen === 'unknown'
  const reasons = [
    ...(isUnknown ? [t('verification.unknown')] : otherReasons(found).map(translated)),
    ...(isForPublic && high > 0 ? [t('verification.stopped', { count: high })] : []),
  ]
  if (reasons.length === 0) return null
  const text = reasons.length === 1 ? reasons[0] : <ul className="plain-list">{reasons.map((one) => <li key={one}>{one}</li>)}</ul>
  return <Alert type={isForPublic ? 'error' : isUnknown ? 'info' : 'warning'} showIcon className="notice" title={text} />
}
