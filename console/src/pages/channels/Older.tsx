import { useQueries, useQuery } from '@tanstack/react-query'
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { type Channel, olderInstancesQuery } from '../../api/channels'
import { instanceQuery } from '../../api/instances'
import { Name } from '../../components/Name'
import { useSession } from '../../components/useSession'
import { Why } from '../../components/Why'
import { canChange } from '../../lib/can'
import { paths } from '../../paths'
import { Rebuild } from '../../components/Rebuild'

/** So many are rebuilt at once; those that are left are there when these are done. */
const AT_ONCE = 20

/** The instances that run an older release, and the way to the current one. */
export function Older({ channel }: { channel: Channel }) {
  const { t } = useTranslation()
  const session = useSession()
  // As they were at the press: a promotion meanwhile changes neither the instances nor their new image.
  const [chosen, setChosen] = useState<{ ids: string[]; image: string }>()
  const { data } = useQuery(olderInstancesQuery(channel.id))
  const own = data?.instances ?? []
  const records = useQueries({ queries: (chosen?.ids ?? []).map((id) => instanceQuery(id)) })
  const instances = records.flatMap(({ data }) => data ?? [])
  const isReady = chosen !== undefined && records.every(({ isLoading }) => !isLoading) && instances.length > 0
  const mayChange = canChange(session)
  return (
    <section className="card padded" aria-labelledby="older">
      <div className="card-head">
        <h2 id="older">{t('channel.older')}</h2>
        {own.length > 0 && <Why reason={mayChange ? null : 'readerOnly'}><Button disabled={!mayChange} loading={chosen !== undefined && !isReady} onClick={() => setChosen({ ids: own.slice(0, AT_ONCE).map(({ id }) => id), image: channel.current.image })}>{t('channel.rebuild')}</Button></Why>}
      </div>
      {own.length === 0 && <p className="quiet">{t('channel.noneOlder')}</p>}
      <ul className="lines">{own.map(({ id, name, release }) => <li key={id}><Link to={paths.instance(id)}><Name>{name}</Name></Link><span className="quiet number">{t('channel.releaseOf', { number: release })}</span></li>)}</ul>
      {!!data?.elsewhere && <p className="quiet">{t('channel.elsewhere', { count: data.elsewhere })}</p>}
      {isReady && <Rebuild instances={instances} image={chosen.image} onClose={() => setChosen(undefined)} />}
    </section>
  )
}
