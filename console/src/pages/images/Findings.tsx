import { Alert, Tag } from 'antd'
import { useTranslation } from 'react-i18next'
import { bySeverity, type Finding } from '../../api/verification'

/** A finding's own words in the person's language; the service's for one that this console does not know. */
function useWords() {
  const { t, i18n } = useTranslation()
  return ({ id, why, remedy, partition, place }: Finding) => {
    const isKnown = i18n.exists(`finding.${id}.name`)
    const word = (key: 'name' | 'why' | 'remedy', otherwise: string) =>
      isKnown ? t(`finding.${id as 'token'}.${key}`) : otherwise
    return {
      name: word('name', id), why: word('why', why), remedy: word('remedy', remedy),
      partition: partition === null ? '' : t('verification.partition', { number: partition }), place,
    }
  }
}

/** All that was found, the worst first: what, where, why it matters, what to do. */
export function Findings({ findings }: { findings: Finding[] }) {
  const { t } = useTranslation()
  const words = useWords()
  return bySeverity(findings).map(({ severity, findings }) => (
    <section key={severity} className="findings" aria-label={t(`severity.${severity}`)}>
      <h4><Tag className={`severity ${severity}`}>{t(`severity.${severity}`)}</Tag> <span className="quiet number">{findings.length}</span></h4>
      <ul>
        {findings.map((finding, n) => {
          const { name, why, remedy, partition, place } = words(finding)
          return (
            <li key={`${finding.id}/${n}`}>
              <div className="finding-head"><strong>{name}</strong> <span className="mono quiet">{finding.id}</span></div>
              <div className="finding-place"><span className="mono">{place}</span>{partition && <span className="quiet">{partition}</span>}</div>
              <dl className="facts">
                <dt>{t('verification.why')}</dt><dd>{why}</dd>
                <dt>{t('verification.remedy')}</dt><dd>{remedy}</dd>
              </dl>
            </li>
          )
        })}
      </ul>
    </section>
  ))
}

/** So many are listed in a dialog; the page of the image has them all. */
const IN_DIALOG = 8

/** A warning that lists findings by name and place. */
export function FindingsAlert({ title, findings, others = [] }: { title: string; findings: Finding[]; others?: string[] }) {
  const { t } = useTranslation()
  const words = useWords()
  const list = (
    <ul className="plain-list">
      {others.map((reason) => <li key={reason}>{reason}</li>)}
      {findings.slice(0, IN_DIALOG).map((finding, n) => {
        const { name, place, partition } = words(finding)
        return <li key={`${finding.id}/${n}`}>{name}: <span className="mono">{place}</span>{partition && <span className="quiet"> ({partition})</span>}</li>
      })}
      {findings.length > IN_DIALOG && <li>{t('verification.more')}</li>}
    </ul>
  )
  return <Alert type="warning" showIcon className="notice" title={title} description={list} />
}
