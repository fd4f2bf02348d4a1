import { useQuery } from '@tanstack/react-query'
import { Alert, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Image } from '../../api/images'
import { grouped, hasBytes, type Verification, verificationQuery } from '../../api/verification'
import { Ago } from '../../components/Ago'
import { bytes } from '../../lib/bytes'
import { differences } from '../../lib/declared'
import { paths } from '../../paths'
import { Facts } from '../../ui/Facts'
import { Ending } from '../../components/Ending'
import { Severity, useFindingName } from './Findings'
import { Inside } from './Inside'

/** The record beside what is inside the disk. */
export function Overview({ image }: { image: Image }) {
  const { t } = useTranslation()
  const query = useQuery({ ...verificationQuery(image.id), enabled: hasBytes(image) })
  const report = query.data?.report
  return (
    <>
      {report && <Differences image={image} report={report} />}
      {report && <Problems image={image} report={report} />}
      <div className="columns">
        <section className="card padded" aria-labelledby="details">
          <h2 id="details">{t('instance.facts')}</h2>
          <Record image={image} />
        </section>
        <section className="card padded" aria-labelledby="contents">
          <h2 id="contents">{t('verification.inside')}</h2>
          {report ? <Inside report={report} /> : query.isLoading ? <Skeleton active title={false} paragraph={{ rows: 6 }} /> : <p className="quiet">{t(hasBytes(image) ? 'verification.waiting' : 'verification.noBytes')}</p>}
        </section>
      </div>
    </>
  )
}

function Record({ image }: { image: Image }) {
  const { t } = useTranslation()
  const instance = typeof image.instance_uuid === 'string' ? image.instance_uuid : ''
  const origin = instance ? 'cast' : typeof image.base_image_ref === 'string' ? 'cleaned' : image.os_glance_import_task ? 'imported' : 'uploaded'
  const some = (isThere: boolean, name: string, value: React.ReactNode): [string, React.ReactNode][] => (isThere ? [[name, value]] : [])
  return (
    <Facts
      facts={[
        [t('column.format'), image.disk_format ?? '–'],
        [t('image.file'), <span key="f" className="number">{bytes(image.size)}</span>],
        ...some(image.min_disk > 0, t('image.minDisk'), `${image.min_disk} GiB`),
        ...some(image.min_ram > 0, t('image.minRam'), `${image.min_ram} MiB`),
        ...some(image.effigy.channel !== null, t('channel.one'), <><Link to={paths.channel(image.effigy.channel ?? '')}>{t('channel.releaseOf', { number: image.os_effigy_release })}</Link> {!image.os_hidden && t('channel.current')} <Ending of={{ deprecated_at: image.os_effigy_deprecated_at ?? null, retired_at: image.os_effigy_retired_at ?? null }} /></>),
        [t('image.protected'), image.protected ? t('yes') : t('no')],
        [t('image.origin'), t(`image.${origin}`)],
        ...some(instance !== '', t('image.fromInstance'), <Link className="mono" to={paths.instance(instance)}>{instance}</Link>),
        ...some(image.updated_at !== image.created_at, t('image.changed'), <Ago at={image.updated_at} />),
        ['ID', <span key="id" className="mono">{image.id}</span>],
      ]}
    />
  )
}

type Told = { image: Image; report: NonNullable<Verification['report']> }

/** The words of the record that the disk contradicts, side by side. */
function Differences({ image, report }: Told) {
  const { t } = useTranslation()
  const found = differences(image, report)
  if (found.length === 0) return null
  const table = (
    <table className="compared">
      <thead><tr><td /><th scope="col">{t('compared.declared')}</th><th scope="col">{t('compared.found')}</th></tr></thead>
      <tbody>{found.map(({ what, declared, found }) => <tr key={what}><th scope="row">{t(`fact.${what}`)}</th><td>{declared}</td><td><strong>{found}</strong></td></tr>)}</tbody>
    </table>
  )
  return <Alert type="warning" showIcon className="notice" title={t('compared.title')} description={table} />
}

/** The worst of what was found, in a line each, and the way to the rest. */
function Problems({ image, report }: Told) {
  const { t } = useTranslation()
  const name = useFindingName()
  const groups = grouped(report.findings.filter(({ severity }) => severity !== 'info'))
  if (groups.length === 0) return null
  return (
    <section className="card padded problems" aria-labelledby="problems">
      <div className="card-head">
        <h2 id="problems">{t('verification.findings')}</h2>
        <Link to={paths.image(image.id, 'report')}>{t('verification.open')}</Link>
      </div>
      <ul>
        {groups.map(([first, ...rest]) => (
          <li key={`${first.severity}/${first.id}`}><Severity of={first.severity} /> {name(first)}{rest.length > 0 && <span className="quiet number"> ×{rest.length + 1}</span>}</li>
        ))}
      </ul>
    </section>
  )
}
