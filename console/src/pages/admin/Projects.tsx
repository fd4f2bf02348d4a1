import { PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, Input, Space, Switch, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeProject, createProject, type ProjectRecord, projectsQuery } from '../../api/identity'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { useFail } from '../../components/useFail'
import { FormDialog } from '../../components/FormDialog'
import { DeleteProject } from './DeleteProject'
import { Roles } from './Roles'

export function Projects() {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const [rolesOf, setRolesOf] = useState<ProjectRecord>()
  const [leaving, setLeaving] = useState<ProjectRecord>()
  const { data, error, isPending, refetch } = useQuery(projectsQuery)
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
        <div className="card">
          <Table<ProjectRecord>
            size="middle"
            rowKey="id"
            loading={isPending}
            dataSource={data}
            pagination={false}
            columns={[
              { title: t('column.name'), dataIndex: 'name', render: (name: string) => <span className="name-cell">{name}</span> },
              { title: t('projects.description'), dataIndex: 'description', ellipsis: true },
              { title: 'ID', dataIndex: 'id', render: (id: string) => <span className="mono quiet">{id}</span> },
              { title: t('column.enabled'), key: 'enabled', width: 100, render: (_, project) => <Switch size="small" aria-label={t('enable', { name: project.name })} checked={project.enabled} onChange={(to) => enable(project, to)} /> },
              {
                title: '', key: 'do', width: 190, align: 'right',
                render: (_, project) => (
                  <Space>
                    <Button size="small" onClick={() => setRolesOf(project)}>{t('roles.people')}</Button>
                    <Button size="small" danger onClick={() => setLeaving(project)}>{t('projects.delete.submit')}</Button>
                  </Space>
                ),
              },
            ]}
          />
        </div>
      )}
      {isOpen && <CreateProject onClose={() => setOpen(false)} />}
      {leaving && <DeleteProject project={leaving} onClose={() => setLeaving(undefined)} />}
      {rolesOf && <Roles project={rolesOf} onClose={() => setRolesOf(undefined)} />}
    </>
  )
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
