import { DownloadOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Button, Table, Tabs } from 'antd'
import { useTranslation } from 'react-i18next'
import { type CatalogEntry, catalogQuery } from '../../api/access'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { useSession } from '../../components/useSession'
import { type Cloud, cloudsYaml, openrc } from '../../lib/clouds'
import { saveText } from '../../lib/save'
import { CopyBlock } from '../../ui/CopyBlock'
import { Credentials } from './Credentials'
import { Password } from './Password'
import { Sessions } from './Sessions'

const endpointOf = ({ endpoints }: CatalogEntry) => endpoints.find((one) => one.interface === 'public') ?? endpoints[0]

/** The page for programs: where the APIs are, and the ways to sign in to them. */
export function ApiAccess() {
  const { t } = useTranslation()
  const session = useSession()
  const { data: catalog, error, isPending, refetch } = useQuery(catalogQuery)
  const identity = catalog?.find(({ type }) => type === 'identity')
  const endpoint = identity && endpointOf(identity)
  const place = { url: `${endpoint?.url.replace(/\/v3\/?$/, '') ?? `${location.origin}/identity`}/v3`, region: endpoint?.region_id ?? 'RegionOne' }
  return (
    <>
      <PageHead title={t('access.title')} />
      {session.project && <Files cloud={{ ...place, proof: { user: session.user.name, domain: session.user.domain, project: session.project } }} project={session.project.name} />}
      <section className="card padded" aria-labelledby="endpoints">
        <h2 id="endpoints">{t('access.endpoints')}</h2>
        {error ? <Failure error={error} retry={() => void refetch()} /> : (
          <Table<CatalogEntry>
            size="small"
            rowKey="id"
            loading={isPending}
            dataSource={catalog}
            pagination={false}
            columns={[
              { title: t('access.service'), dataIndex: 'type', width: 104 },
              { title: t('access.url'), render: (_, entry) => <span className="mono break">{endpointOf(entry)?.url}</span> },
            ]}
          />
        )}
      </section>
      <Credentials place={place} />
      {!session.keystone && <Sessions />}
      <Password />
    </>
  )
}

function Files({ cloud, project }: { cloud: Cloud; project: string }) {
  const { t } = useTranslation()
  const files = [['clouds.yaml', cloudsYaml(cloud)], [t('access.rc'), openrc(cloud)]] as const
  return (
    <section className="card padded" aria-labelledby="files">
      <h2 id="files">{t('access.files')}</h2>
      <p className="quiet">{t('access.filesWhat', { project })}</p>
      <Tabs
        size="small"
        items={files.map(([name, text]) => ({
          key: name,
          label: name,
          children: (
            <>
              <CopyBlock label={name} text={text} height={240} />
              <Button style={{ marginTop: 10 }} icon={<DownloadOutlined aria-hidden />} onClick={() => saveText(name, text)}>{t('access.download', { name })}</Button>
            </>
          ),
        }))}
      />
    </section>
  )
}
