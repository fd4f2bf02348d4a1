import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, Table } from 'antd'
import { useTranslation } from 'react-i18next'
import { endOtherSessions, endSession, type OwnSession, ownSessionsQuery } from '../../api/access'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { StatusMark } from '../../components/StatusBadge'
import { useFail } from '../../components/useFail'
import { wholeTime } from '../../lib/time'

/** Where the person is signed in, and the way to end it. */
export function Sessions() {
  const { t, i18n } = useTranslation()
  const fail = useFail()
  const queries = useQueryClient()
  const { data, error, isPending, refetch } = useQuery(ownSessionsQuery)
  const end = useMutation({
    mutationFn: (id: string | undefined) => (id === undefined ? endOtherSessions() : endSession(id)),
    onError: (error) => fail(t('access.sessions.end'), error),
    onSettled: () => queries.invalidateQueries({ queryKey: ownSessionsQuery.queryKey }),
  })
  const others = data?.filter(({ is_this }) => !is_this) ?? []
  return (
    <section className="card padded" aria-labelledby="sessions">
      <div className="card-head">
        <h2 id="sessions">{t('access.sessions.title')}</h2>
        <Button danger disabled={others.length === 0} loading={end.isPending && end.variables === undefined} onClick={() => end.mutate(undefined)}>{t('access.sessions.endOthers')}</Button>
      </div>
      <p className="quiet">{t('access.sessions.what')}</p>
      {error ? <Failure error={error} retry={() => void refetch()} /> : (
        <Table<OwnSession>
          size="small"
          rowKey="id"
          loading={isPending}
          dataSource={data}
          pagination={others.length >= MANY ? { pageSize: MANY, showSizeChanger: false } : false}
          scroll={{ x: 'max-content' }}
          locale={{ emptyText: ' ' }}
          columns={[
            { title: t('access.sessions.address'), render: (_, { address, is_this }) => <>{address ?? '–'}{is_this && <div><StatusMark mood="good">{t('access.sessions.this')}</StatusMark></div>}</> },
            { title: t('project.label'), render: (_, { projects }) => <Name>{projects.join(', ') || '–'}</Name> },
            { title: t('access.sessions.began'), render: (_, { began_at }) => <Ago at={began_at} /> },
            { title: t('access.expires'), render: (_, { expires_at }) => <span className="number">{wholeTime(expires_at, i18n.language)}</span> },
            { title: '', key: 'do', align: 'right', render: (_, { id, is_this, address }) => !is_this && <Button size="small" danger aria-label={t('access.sessions.endOf', { address: address ?? '–' })} onClick={() => end.mutate(id)}>{t('access.sessions.end')}</Button> },
          ]}
        />
      )}
    </section>
  )
}

/** Programs that sign in for each call leave many sessions: so many are shown at a time. */
const MANY = 10
