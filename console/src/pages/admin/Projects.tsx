import { PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, Input, Modal, Space, Switch, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeProject, createProject, deleteProject, type ProjectRecord, projectsQuery } from '../../api/identity'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { useFail } from '../../components/useFail'
import { FormError } from '../../components/FormError'
import { Roles } from './Roles'

export function Projects() {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const [rolesOf, setRolesOf] = useState<ProjectRecord>()
  const { data, error, isPending, refetch } = useQuery(projectsQuery)
  const again = () => queries.invalidateQueries({ queryKey: ['projects'] })
  const remove = ({ id, name }: ProjectRecord) =>
    modal.confirm({
      title: t('projects.delete.title', { name }),
      content: t('projects.delete.what'),
      okText: t('projects.delete.submit'),
      okButtonProps: { danger: true },
      onOk: () => deleteProject(id).catch((error: unknown) => fail(t('projects.delete.submit'), error)).finally(again),
    })
  const enable = (id: string, enabled: boolean) =>
    void changeProject(id, { enabled }).catch((error: unknown) => fail(t('nav.projects'), error)).finally(again)
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
              { title: t('column.enabled'), key: 'enabled', width: 100, render: (_, { id, name, enabled }) => <Switch size="small" aria-label={t('enable', { name })} checked={enabled} onChange={(to) => enable(id, to)} /> },
              {
                title: '', key: 'do', width: 190, align: 'right',
                render: (_, project) => (
                  <Space>
                    <Button size="small" onClick={() => setRolesOf(project)}>{t('roles.people')}</Button>
                    <Button size="small" danger onClick={() => remove(project)}>{t('projects.delete.submit')}</Button>
                  </Space>
                ),
              },
            ]}
          />
        </div>
      )}
      {isOpen && <CreateProject onClose={() => setOpen(false)} />}
      {rolesOf && <Roles project={rolesOf} onClose={() => setRolesOf(undefined)} />}
    </>
  )
}

function CreateProject({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [form] = Form.useForm<{ name: string; description?: string }>()
  const save = useMutation({
    mutationFn: createProject,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['projects'] })
      onClose()
    },
  })
  return (
    <Modal open title={t('projects.create')} onCancel={onClose} okText={t('projects.create')} confirmLoading={save.isPending} onOk={() => form.submit()} width={440}>
      <FormError error={save.error} />
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(typed) => save.mutate(typed)}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}><Input autoFocus autoComplete="off" /></Form.Item>
        <Form.Item name="description" label={t('projects.description')}><Input autoComplete="off" /></Form.Item>
      </Form>
    </Modal>
  )
}
