import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { Ended, UnderWay } from '../components/Doings'
import { Failure } from '../components/Failure'
import { PageHead } from '../components/PageHead'
import { useActivity } from '../components/useActivity'
import { Empty } from '../ui/Empty'

/** The page of what is under way in the project, and of what ended within a day. */
export function Activity() {
  const { t } = useTranslation()
  const { underWay, ended, isPending, error } = useActivity()
  return (
    <>
      <PageHead title={t('activity.title')} />
      {error !== null && <Failure error={error} />}
      {isPending && underWay.length === 0 && <Skeleton active />}
      {!isPending && underWay.length + ended.length === 0 && <div className="card"><Empty title={t('activity.empty')} what={t('activity.emptyWhat')} /></div>}
      {underWay.length > 0 && (
        <section className="card padded" aria-labelledby="under-way">
          <h2 id="under-way">{t('doing.title')}</h2>
          <UnderWay doings={underWay} />
        </section>
      )}
      {ended.length > 0 && (
        <section className="card padded" aria-labelledby="ended">
          <h2 id="ended">{t('doing.lately')}</h2>
          <Ended all={ended} />
        </section>
      )}
    </>
  )
}
