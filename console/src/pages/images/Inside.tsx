import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Fact, Report, Volume } from '../../api/verification'
import { Told } from '../../components/Told'
import { bytes } from '../../lib/bytes'
import { translated } from '../../i18n'
import { unknownFacts } from '../../lib/declared'
import { Facts } from '../../ui/Facts'

/** The facts of a report as rows. Those that are unknown for one reason are told together, quietly. */
export function Inside({ report }: { report: Report }) {
  const { t } = useTranslation()
  const { facts, table, volumes, windows } = report
  function row<T>(name: keyof Report['facts'], fact: Fact<T>, show: (value: T) => ReactNode = String): [string, ReactNode][] {
    return 'known' in fact ? [[t(`fact.${name}`), show(fact.known)]] : []
  }
  const installed = (is: boolean) => (is ? t('fact.installed') : t('fact.missing'))
  const boots = ({ bios, uefi }: { bios: boolean; uefi: boolean }) => [bios && 'BIOS', uefi && 'UEFI'].filter(Boolean).join(', ') || t('fact.noBoot')
  const families: Record<string, string> = { linux: 'Linux', windows: 'Windows' }
  const states = { generalized: t('fact.generalized'), not_generalized: t('fact.not_generalized'), unknown: t('fact.unclear') }
  const unknown = unknownFacts(facts)
  const disk = [table === 'none' ? t('fact.noTable') : table.toUpperCase(), bytes(report.disk_bytes)].join(', ')
  return (
    <Facts
      facts={[
        ...row('name', facts.name),
        ...row('family', facts.family, (word) => families[word] ?? word),
        ...row('distribution', facts.distribution),
        ...row('version', facts.version),
        ...row('architecture', facts.architecture),
        ...row('boot', facts.boot, boots),
        ...row('cloud_init', facts.cloud_init, installed),
        ...row('guest_agent', facts.guest_agent, installed),
        ...row('virtio', facts.virtio, installed),
        ...row('root_free_bytes', facts.root_free_bytes, bytes),
        ...(windows ? [[t('fact.windows'), <Sysprep key="w" state={states[windows.state]} found={windows.found} />] satisfies [string, ReactNode]] : []),
        [t('fact.disk'), disk],
        [t('fact.volumes'), <Volumes key="v" volumes={volumes} />],
        ...(unknown.length > 0 ? [[t('fact.unknownTitle'), <Unknown key="u" of={unknown} />] satisfies [string, ReactNode]] : []),
      ]}
    />
  )
}

/** Facts that nobody knows, with the reason once. */
function Unknown({ of }: { of: ReturnType<typeof unknownFacts> }) {
  const { t } = useTranslation()
  return of.map(([why, names]) => <div key={why} className="quiet small">{t('fact.unknown', { names: names.map((name) => t(`fact.${name}`)).join(', '), why: translated(why) })}</div>)
}

function Sysprep({ state, found }: { state: string; found: string }) {
  return <>{state}<div className="quiet small"><Told>{found}</Told></div></>
}

function Volumes({ volumes }: { volumes: Volume[] }) {
  const { t } = useTranslation()
  if (volumes.length === 0) return '–'
  return volumes.map(({ partition, offset_bytes, content, size_bytes, free_bytes, problem }) => (
    <div key={offset_bytes} className="number">
      {partition !== null && <span className="quiet">{partition} </span>}
      {translated(content)}, {bytes(size_bytes)}
      {free_bytes !== null && <span className="quiet">, {t('fact.free', { size: bytes(free_bytes) })}</span>}
      {problem && <div className="quiet small"><Told>{problem}</Told></div>}
    </div>
  ))
}
