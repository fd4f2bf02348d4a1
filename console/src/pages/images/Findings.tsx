import { Alert, Segmented, Tag } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { bySeverity, type Finding, grouped } from '../../api/verification'

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

export function useFindingName() {
  const words = useWords()
  return (finding: Finding) => words(finding).name
}

export function Severity({ of }: { of: Finding['severity'] }) {
  const { t } = useTranslation()
  return <Tag className={`severity ${of}`}>{t(`severity.${of}`)}</Tag>
}

/** All that was found, the worst first, those of one kind together; each opens to where, why it matters, what to do. */
export function Findings({ findings }: { findings: Finding[] }) {
  const { t } = useTranslation()
  const [only, setOnly] = useState<Finding['severity'] | 'all'>('all')
  const groups = bySeverity(findings)
  const choices = [{ value: 'all' as const, label: t('verification.all'), count: findings.length }, ...groups.map(({ severity, findings }) => ({ value: severity, label: t(`severity.${severity}`), count: findings.length }))]
  return (
    <>
      {groups.length > 1 && (
        <Segmented
          className="severities"
          aria-label={t('verification.show')}
          value={only}
          onChange={setOnly}
          options={choices.map(({ value, label, count }) => ({ value, label: <>{label} <span className="number">{count}</span></> }))}
        />
      )}
      {groups.filter(({ severity }) => only === 'all' || severity === only).map(({ severity, findings }) => (
        <section key={severity} className="findings" aria-label={t(`severity.${severity}`)}>
          <ul>{grouped(findings).map((group) => <li key={group[0].id}><Group findings={group} /></li>)}</ul>
        </section>
      ))}
    </>
  )
}

function Group({ findings }: { findings: [Finding, ...Finding[]] }) {
  const { t } = useTranslation()
  const words = useWords()
  const [first] = findings
  const { name, why, remedy } = words(first)
  const places = findings.map(words)
  return (
    <details open={first.severity === 'high'}>
      <summary>
        <Severity of={first.severity} />
        <strong>{name}</strong>
        {findings.length > 1 ? <span className="quiet number">×{findings.length}</span> : <span className="mono quiet place">{first.place}</span>}
      </summary>
      <dl className="facts">
        <dt>{t('verification.place')}</dt>
        <dd>{places.map(({ place, partition }, n) => <div key={`${place}/${n}`}><span className="mono">{place}</span>{partition && <span className="quiet"> ({partition})</span>}</div>)}</dd>
        <dt>{t('verification.why')}</dt><dd>{why}</dd>
        <dt>{t('verification.remedy')}</dt><dd>{remedy}</dd>
        <dt>{t('verification.rule')}</dt><dd className="mono">{first.id}</dd>
      </dl>
    </details>
  )
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
