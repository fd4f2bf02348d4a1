import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Table } from 'antd'
import { useTranslation } from 'react-i18next'
import { type AuditEvent, auditQuery } from '../../api/audit'
import { Ago } from '../../components/Ago'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { SearchBox } from '../../components/SearchBox'
import { useFilters } from '../../components/useFilters'
import { Empty } from '../../ui/Empty'

const PAGE = 50

/** The audit events: who did what. */
export function Audit() {
  const { t } = useTranslation()
  const { get, set } = useFilters()
  const [action, after] = [get('action'), get('after')]
  const { data, error, isPending, refetch } = useQuery({ ...auditQuery({ action, after, limit: PAGE }), placeholderData: keepPreviousData })
  return (
    <>
      <PageHead title={t('nav.audit')} />
      <div className="toolbar">
        <SearchBox label={t('column.action')} value={action} onChange={(text) => set({ action: text })} />
      </div>
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <div className="card">
          <Table<AuditEvent>
            size="middle"
            rowKey="id"
            loading={isPending}
            dataSource={data}
            pagination={false}
            tableLayout="fixed"
            locale={{ emptyText: isPending ? ' ' : <Empty title={t('audit.empty')} /> }}
            columns={[
              { title: t('column.when'), key: 'when', width: 116, render: (_, { time }) => <Ago at={time} /> },
              { title: t('column.who'), key: 'who', width: 120, ellipsis: true, render: (_, { user_name }) => user_name ?? '–' },
              { title: t('project.label'), key: 'project', width: 120, ellipsis: true, render: (_, { project_name }) => project_name ?? '–' },
              { title: t('column.action'), dataIndex: 'action', width: 230, ellipsis: true },
              { title: t('column.target'), dataIndex: 'target_id', ellipsis: true, render: (id: string | null) => <span className="mono">{id ?? '–'}</span> },
              { title: t('column.outcome'), key: 'outcome', width: 110, render: (_, { outcome, times }) => (outcome === 'success' ? t('outcome.done') : <span style={{ color: 'var(--ant-color-error)' }}>{t('outcome.failed')}{times > 1 && ` ×${times}`}</span>) },
              { title: t('column.reason'), dataIndex: 'reason', ellipsis: true },
            ]}
          />
          <Pager after={after} next={data?.length === PAGE ? data.at(-1)?.id : undefined} onGo={(to) => set({ after: to }, { push: true })} />
        </div>
      )}
    </>
  )
}
