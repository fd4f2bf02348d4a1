import { CheckCircleOutlined, PlusOutlined, UploadOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Alert, Button, Skeleton } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { usageQuery } from '../api/project'
import { offersQuery } from '../api/shares'
import { Ended, UnderWay } from '../components/Doings'
import { Failure } from '../components/Failure'
import { Name } from '../components/Name'
import { OfferTerms } from '../components/OfferTerms'
import { PageHead } from '../components/PageHead'
import { UsageBars } from '../components/UsageBars'
import { useActivity } from '../components/useActivity'
import { useSession } from '../components/useSession'
import { Why } from '../components/Why'
import { canChange } from '../lib/can'
import { paths } from '../paths'

/** So many failures are shown here; the page of the activity has them all. */
const SHOWN = 5

/** The project at a glance: what it uses, what is under way, what went wrong, and where to begin. */
export function Home() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const session = useSession()
  const usage = useQuery(usageQuery)
  const { underWay, ended, offers, isPending, error } = useActivity()
  const failed = ended.filter(({ state }) => state === 'failed')
  const reason = canChange(session) ? null : 'readerOnly'
  const isEmpty = usage.data !== undefined && usage.data.images.used + (usage.data.instances?.used ?? 0) === 0
  return (
    <>
      <PageHead title={t('nav.home')}>
        <Why reason={reason}>
          <Button icon={<UploadOutlined aria-hidden />} disabled={reason !== null} onClick={() => void navigate(paths.upload)}>{t('upload.title')}</Button>
        </Why>
        {session.runs_instances && (
          <Why reason={reason}>
            <Button type="primary" icon={<PlusOutlined aria-hidden />} disabled={reason !== null} onClick={() => void navigate(paths.launch)}>{t('instances.launch')}</Button>
          </Why>
        )}
      </PageHead>
      {offers > 0 && <Offers count={offers} />}
      {isEmpty && reason === null && <FirstSteps />}
      <div className="home">
        <section className="card padded" aria-labelledby="home-usage">
          <h2 id="home-usage">{t('usage.title')}</h2>
          {usage.error && !usage.data ? <Failure error={usage.error} retry={() => void usage.refetch()} /> : <UsageBars parts={['instances', 'vcpus', 'memory_mib', 'images', 'image_bytes']} />}
        </section>
        <section className="card padded" aria-labelledby="home-doing">
          <Head id="home-doing" title={t('doing.title')} />
          {error !== null ? <Failure error={error} /> : isPending ? <Skeleton active title={false} /> : underWay.length === 0 ? <Quiet>{t('activity.empty')}</Quiet> : <UnderWay doings={underWay} />}
        </section>
        <section className="card padded" aria-labelledby="home-failed">
          <Head id="home-failed" title={t('home.failed')} />
          {isPending ? <Skeleton active title={false} /> : failed.length === 0 ? <Quiet>{t('home.nothingFailed')}</Quiet> : <Ended all={failed.slice(0, SHOWN)} />}
          {failed.length > SHOWN && <p className="quiet">{t('home.more', { count: failed.length - SHOWN })}</p>}
        </section>
      </div>
    </>
  )
}

/** So many offers are shown here; the list of shared images has them all. */
const OFFERS_SHOWN = 3

/** The images that wait for the project's answer: from whom, until when, and what is said with them. */
function Offers({ count }: { count: number }) {
  const { t } = useTranslation()
  const { data } = useQuery(offersQuery)
  return (
    <Alert
      className="notice"
      type="info"
      showIcon
      title={t('home.offers', { count })}
      action={<Link to={paths.imagesOf('shared')}>{t('home.toOffers')}</Link>}
      description={data && (
        <ul className="doings offers">
          {data.slice(0, OFFERS_SHOWN).map((offer) => (
            <li key={offer.image}>
              <div className="about">
                <div>
                  <Link to={paths.image(offer.image)}><Name>{offer.name ?? offer.image}</Name></Link>{' '}
                  <span className="quiet">{t('offer.by', { project: offer.owner_name ?? t('offer.unknown') })}</span>
                  <OfferTerms of={offer} isShort />
                </div>
              </div>
            </li>
          ))}
        </ul>
      )}
    />
  )
}

function Head({ id, title }: { id: string; title: string }) {
  const { t } = useTranslation()
  return (
    <div className="card-head">
      <h2 id={id}>{title}</h2>
      <Link to={paths.activity} aria-label={`${title}: ${t('home.all')}`}>{t('home.all')}</Link>
    </div>
  )
}

const Quiet = ({ children }: { children: ReactNode }) => <p className="quiet"><CheckCircleOutlined aria-hidden /> {children}</p>

/** The road through the guide, for a project that has nothing yet. */
function FirstSteps() {
  const { t } = useTranslation()
  const { runs_instances: runs } = useSession()
  const steps: [string, string, string][] = [
    ...(runs ? [[t('home.step.key'), t('home.step.keyWhat'), paths.keyPairs], [t('home.step.launch'), t('home.step.launchWhat'), paths.launch]] as [string, string, string][] : []),
    [t('home.step.upload'), t('home.step.uploadWhat'), paths.upload],
    ...(runs ? [[t('home.step.create'), t('home.step.createWhat'), paths.instances]] as [string, string, string][] : []),
    [t('home.step.api'), t('home.step.apiWhat'), paths.apiAccess],
  ]
  return (
    <section className="card padded first-steps" aria-labelledby="first-steps">
      <h2 id="first-steps">{t('home.first')}</h2>
      <ol>
        {steps.map(([title, what, to]) => (
          <li key={title}><Link to={to}>{title}</Link><div className="quiet">{what}</div></li>
        ))}
      </ol>
    </section>
  )
}
