import { PlusOutlined } from '@ant-design/icons'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Credential, credentialsQuery, deleteCredential } from '../../api/access'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { StatusMark } from '../../components/StatusBadge'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { visible } from '../../lib/text'
import { parseTime, wholeTime } from '../../lib/time'
import { MakeCredential, type Place } from './MakeCredential'

/** The application credentials of the person. */
export function Credentials({ place }: { place: Place }) {
  const { t, i18n } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const session = useSession()
  const queries = useQueryClient()
  const [isMaking, setMaking] = useState(false)
  const query = credentialsQuery(session.user.id)
  const { data, error, isPending, refetch } = useQuery(query)
  const projectOf = (id: string) => session.projects.find((project) => project.id === id)?.name ?? id
  const remove = ({ id, name }: Credential) =>
    modal.confirm({
      title: t('access.delete.title', { name: visible(name) }),
      content: t('access.delete.what'),
      okText: t('access.delete.submit'),
      okButtonProps: { danger: true },
      onOk: () =>
        deleteCredential(session.user.id, id)
          .catch((error: unknown) => fail(t('access.delete.submit'), error))
          .finally(() => queries.invalidateQueries({ queryKey: query.queryKey })),
    })
  const expiry = ({ expires_at: at }: Credential) => {
    if (!at) return t('access.never')
    const isOver = parseTime(at).getTime() < Date.now()
    return isOver ? <StatusMark mood="bad">{t('access.expired')}</StatusMark> : <span className="number">{wholeTime(at, i18n.language)}</span>
  }
  return (
    <section className="card padded" aria-labelledby="credentials">
      <div className="card-head">
        <h2 id="credentials">{t('access.credentials')}</h2>
        <Button icon={<PlusOutlined aria-hidden />} onClick={() => setMaking(true)}>{t('access.make')}</Button>
      </div>
      <p className="quiet">{t('access.credentialsWhat')}</p>
      {error ? <Failure error={error} retry={() => void refetch()} /> : (
        <Table<Credential>
          size="small"
          rowKey="id"
          loading={isPending}
          dataSource={data}
          pagination={false}
          scroll={{ x: 'max-content' }}
          locale={{ emptyText: isPending ? ' ' : <span className="quiet">{t('access.none')}</span> }}
          columns={[
            { title: t('column.name'), render: (_, { name, description }) => <><span className="name-cell"><Name>{name}</Name></span>{description && <div className="quiet small">{visible(description)}</div>}</> },
            { title: t('access.project'), render: (_, { project_id }) => projectOf(project_id) },
            { title: t('access.roles'), render: (_, { roles }) => roles.map(({ name }) => name).join(', ') },
            { title: t('access.rules'), render: (_, { access_rules: rules }) => (rules?.length ? <div className="mono small">{rules.map(({ service, method, path }) => <div key={`${service} ${method} ${path}`}>{visible(`${service} ${method} ${path}`)}</div>)}</div> : t('access.everything')) },
            { title: t('access.expires'), render: (_, credential) => expiry(credential) },
            { title: '', key: 'do', align: 'right', render: (_, credential) => <Button size="small" danger onClick={() => remove(credential)} aria-label={`${t('access.delete.submit')}: ${visible(credential.name)}`}>{t('access.delete.submit')}</Button> },
          ]}
        />
      )}
      {isMaking && <MakeCredential place={place} onClose={() => setMaking(false)} />}
    </section>
  )
}
