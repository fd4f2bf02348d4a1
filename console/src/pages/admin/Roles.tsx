import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, Select, Space, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Assignment, assignmentsQuery, grant, type ProjectRecord, revoke, rolesQuery, usersQuery } from '../../api/identity'
import { useFail } from '../../components/useFail'
import { Dialog } from '../../ui/Dialog'

/** The roles in a project, and the users who hold them. */
export function Roles({ project, onClose }: { project: ProjectRecord; onClose: () => void }) {
  const { t } = useTranslation()
  const fail = useFail()
  const queries = useQueryClient()
  const all = useQuery(assignmentsQuery)
  const users = useQuery(usersQuery).data ?? []
  const roles = useQuery(rolesQuery).data ?? []
  const [user, setUser] = useState<string>()
  const [role, setRole] = useState<string>()
  const held = all.data?.filter(({ scope, user }) => user && scope.project?.id === project.id) ?? []
  const change = (act: Promise<void>) =>
    act.catch((error: unknown) => fail(t('roles.people'), error)).finally(() => queries.invalidateQueries({ queryKey: ['assignments'] }))
  return (
    <Dialog title={t('roles.title', { name: project.name })} footer={null} onCancel={onClose} width={620}>
      <Table<Assignment>
        size="small"
        rowKey={({ user, role }) => `${user?.id}/${role.id}`}
        loading={all.isPending}
        dataSource={held}
        pagination={false}
        scroll={{ y: 300 }}
        locale={{ emptyText: t('roles.none') }}
        columns={[
          { title: t('roles.user'), render: (_, { user }) => user?.name },
          { title: t('roles.role'), render: (_, { role }) => role.name },
          {
            title: '', key: 'do', align: 'right',
            render: (_, { user, role }) => user && <Button size="small" danger onClick={() => void change(revoke(project.id, user.id, role.id))}>{t('roles.revoke')}</Button>,
          },
        ]}
      />
      <Space wrap style={{ marginTop: 14 }}>
        <Select aria-label={t('roles.user')} placeholder={t('roles.user')} style={{ width: 220 }} value={user} onChange={setUser} showSearch={{ optionFilterProp: 'label' }} options={users.map(({ id, name }) => ({ value: id, label: name }))} />
        <Select aria-label={t('roles.role')} placeholder={t('roles.role')} style={{ width: 160 }} value={role} onChange={setRole} options={roles.map(({ id, name }) => ({ value: id, label: name }))} />
        <Button type="primary" disabled={!user || !role} onClick={() => user && role && void change(grant(project.id, user, role))}>{t('roles.grant')}</Button>
      </Space>
    </Dialog>
  )
}
