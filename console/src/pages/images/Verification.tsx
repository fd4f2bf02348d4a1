// The report of what was found inside an image. All that the console knows of its shape is in this file.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../../api/errors'
import { effigy } from '../../api/http'
import { StatusMark } from '../../components/StatusBadge'
import { Facts } from '../../ui/Facts'

const STATUSES = { pending: 'moving', running: 'moving', passed: 'good', failed: 'bad', unknown: 'still' } as const
type Status = keyof typeof STATUSES

interface Finding {
  id: string
  severity: string
  place?: string | null
  why?: string | null
  remedy?: string | null
}

interface Report {
  status: Status
  findings: Finding[]
  facts: Record<string, unknown>
}

const isUnderWay = (report: Report | null | undefined) => report?.status === 'pending' || report?.status === 'running'

/** The report, or `null` where the service makes none. */
const verificationQuery = (id: string) =>
  queryOptions({
    queryKey: ['images', 'verification', id],
    queryFn: async ({ signal }): Promise<Report | null> => {
      try {
        const { status, findings, facts } = await effigy<Partial<Report>>(`/images/${id}/verification`, { signal })
        return { status: status && status in STATUSES ? status : 'unknown', findings: findings ?? [], facts: facts ?? {} }
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null
        throw error
      }
    },
    refetchInterval: (query) => (isUnderWay(query.state.data) ? 2000 : false),
  })

const words = (value: unknown): string => (Array.isArray(value) ? value.map(words).join(', ') : typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value))

/** Each finding: what, where, why it matters, what to do. Nothing where the service verifies nothing. */
export function Verification({ id }: { id: string }) {
  const { t } = useTranslation()
  const { data: report } = useQuery(verificationQuery(id))
  if (!report) return null
  const facts = Object.entries(report.facts).filter(([, value]) => value !== null && value !== '')
  return (
    <section className="card padded" aria-labelledby="verification">
      <div className="card-head">
        <h2 id="verification">{t('verification.title')}</h2>
        <StatusMark mood={STATUSES[report.status]}>{t(`verification.${report.status}`)}</StatusMark>
      </div>
      {facts.length > 0 && <Facts facts={facts.map(([name, value]) => [name, words(value)])} />}
      {report.findings.length === 0 && !isUnderWay(report) && <p className="quiet" style={{ marginBottom: 0 }}>{t('verification.nothing')}</p>}
      {report.findings.map((finding, n) => (
        <div key={`${finding.id}/${n}`} className="finding">
          <div><strong className="mono">{finding.id}</strong> <span className="quiet">{finding.severity}</span></div>
          <Facts
            facts={[
              [t('verification.place'), finding.place && <span className="mono">{finding.place}</span>],
              [t('verification.why'), finding.why],
              [t('verification.remedy'), finding.remedy],
            ]}
          />
        </div>
      ))}
    </section>
  )
}
