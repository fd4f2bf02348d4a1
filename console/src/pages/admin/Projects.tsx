import { PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, Input, Switch, Table } from 'antd'
import type { ColumnType } from 'antd/es/table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { type Usages, usagesQuery } from '../../api/host'
import { changeProject, createProject, type ProjectRecord, projectsQuery } from '../../api/identity'
import type { Usage } from '../../api/project'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { PageHead } from '../../components/PageHead'
import { useFail } from '../../components/useFail'
import { FormDialog } from '../../components/FormDialog'
import { useWidth } from '../../components/useWidth'
import { bytes } from '../../lib/bytes'
import { levelOf } from '../../lib/usage'
import { paths } from '../../paths'
import { DeleteProject } from './DeleteProject'
import { Quota } from './Quota'
import { Roles } from './Roles'

export function Projects() {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const [rolesOf, setRolesOf] = useState<ProjectRecord>()
  const [quotaOf, setQuotaOf] = useState<ProjectRecord>()
  const [leaving, setLeaving] = useState<ProjectRecord>()
  const { data, error, isPending, refetch } = useQuery(projectsQuery)
  const width = useWidth()
  const usages = useQuery(usagesQuery).data
  const rows = useMemo(() => rowsOf(data ?? [], usages), [data, usages])
  const figures = useFigures(width)
  const again = () => queries.invalidateQueries({ queryKey: ['projects'] })
  const change = (id: string, enabled: boolean) => changeProject(id, { enabled }).catch((error: unknown) => fail(t('nav.projects'), error)).finally(again)
  const enable = ({ id, name }: ProjectRecord, to: boolean) => {
    if (to) return void change(id, true)
    modal.confirm({
      title: t('projects.disable.title', { name }),
      content: t('projects.disable.what'),
      okText: t('projects.disable.submit'),
      okButtonProps: { danger: true },
      onOk: () => change(id, false),
    })
  }
  return (
    <>
      <PageHead title={t('nav.projects')}>
        <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setOpen(true)}>{t('projects.create')}</Button>
      </PageHead>
      {error ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <div className="card admin-list">
          <Table<Row>
            size="middle"
            rowKey="id"
            loading={isPending}
            dataSource={rows}
            pagination={false}
            columns={[
              { title: t('column.name'), key: 'name', render: (_, row) => <><ProjectName row={row} />{width < 768 && <InShort usage={row.usage} />}</> },
              ...figures,
              ...(width >= 1500 ? [{ title: 'ID', dataIndex: 'id', render: (id: string) => <span className="mono quiet">{id}</span> }] : []),
              { title: t('column.enabled'), key: 'enabled', width: 90, render: (_, { project }) => project && <Switch size="small" aria-label={t('enable', { name: project.name })} checked={project.enabled} onChange={(to) => enable(project, to)} /> },
              {
                title: '', key: 'do', align: 'right',
                render: (_, { project }) => project && (
                  <div className="row-acts">
                    <Button size="small" disabled={!usages} onClick={() => setQuotaOf(project)}>{t('admin.quota.edit')}</Button>
                    <Button size="small" onClick={() => setRolesOf(project)}>{t('roles.people')}</Button>
                    <Button size="small" onClick={() => setLeaving(project)}>{t('projects.delete.submit')}</Button>
                  </div>
                ),
              },
            ]}
          />
        </div>
      )}
      {isOpen && <CreateProject onClose={() => setOpen(false)} />}
      {quotaOf && usages && <Quota project={quotaOf} usual={usages.others} usage={rows.find(({ id }) => id === quotaOf.id)?.usage ?? usages.others} own={usages.projects.find((of) => of.project_id === quotaOf.id)?.own ?? null} onClose={() => setQuotaOf(undefined)} />}
      {leaving && <DeleteProject project={leaving} onClose={() => setLeaving(undefined)} />}
      {rolesOf && <Roles project={rolesOf} onClose={() => setRolesOf(undefined)} />}
    </>
  )
}

/** A project with its usage; without a record when it was deleted past this console, and something of it is left. */
interface Row {
  id: string
  project?: ProjectRecord
  usage?: Usage
}

function rowsOf(projects: ProjectRecord[], usages: Usages | undefined): Row[] {
  const used = new Map(usages?.projects.map(({ project_id: id, usage }) => [id, usage]))
  const known: Row[] = projects.map((project) => ({ id: project.id, project, usage: used.get(project.id) ?? usages?.others }))
  const ids = new Set(projects.map(({ id }) => id))
  // Before the projects are there, each would seem to be without a record.
  const left: Row[] = projects.length === 0 ? [] : [...used].filter(([id]) => !ids.has(id)).map(([id, usage]) => ({ id, usage }))
  return [...known, ...left]
}

function ProjectName({ row: { id, project } }: { row: Row }) {
  const { t } = useTranslation()
  if (project) return <><span className="name-cell"><Name>{project.name}</Name></span>{project.description && <div className="quiet small break">{project.description}</div>}</>
  return <><span className="mono break">{id}</span><div className="quiet small">{t('admin.usage.leftovers')}: {t('admin.usage.leftoversHint')}</div></>
}

/** The usage where there is no room for its columns. */
function InShort({ usage }: { usage?: Usage }) {
  const { t, i18n } = useTranslation()
  const parts = (['instances', 'images'] as const).flatMap((part) => {
    const of = usage?.[part]
    return of ? [`${t(`usage.${part}`)} ${t('admin.usage.of', { used: of.used.toLocaleString(i18n.language), limit: of.limit.toLocaleString(i18n.language) })}`] : []
  })
  return <>{parts.map((part) => <div key={part} className="number small">{part}</div>)}</>
}

const MIB = 1024 * 1024

/** The columns of the usage, as many as the window has room for. */
function useFigures(width: number): ColumnType<Row>[] {
  const { t, i18n } = useTranslation()
  const plain = (count: number) => count.toLocaleString(i18n.language)
  const figure = (part: 'instances' | 'vcpus' | 'memory_mib' | 'images' | 'image_bytes', from: number, amount: (count: number) => string, page?: (id: string) => string): ColumnType<Row>[] =>
    width < from ? [] : [{
      title: t(`usage.${part}`), key: part, align: 'right', className: 'number',
      render: (_, { id, usage }) => {
        const of = usage?.[part]
        if (!of) return '–'
        const text = t('admin.usage.of', { used: amount(of.used), limit: amount(of.limit) })
        const shown = <span className={levelOf(of.used, of.limit) === 'full' ? 'over' : undefined}>{text}</span>
        return page && of.used > 0 ? <Link to={page(id)}>{shown}</Link> : shown
      },
    }]
  return [
    ...figure('instances', 768, plain, (id) => paths.instancesOfProject(id)),
    ...figure('vcpus', 1200, plain),
    ...figure('memory_mib', 1200, (count) => bytes(count * MIB)),
    ...figure('images', 768, plain, (id) => paths.imagesOfProject(id)),
    ...figure('image_bytes', 1200, bytes),
  ]
}

function CreateProject({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const save = useMutation({
    mutationFn: createProject,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['projects'] })
      onClose()
    },
  })
  return (
    <FormDialog title={t('projects.create')} submit={t('projects.create')} isBusy={save.isPending} error={save.error} onSubmit={(typed: { name: string; description?: string }) => save.mutate(typed)} onClose={onClose} width={440}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}><Input autoFocus autoComplete="off" /></Form.Item>
        <Form.Item name="description" label={t('projects.description')}><Input autoComplete="off" /></Form.Item>
    </FormDialog>
  )
}
