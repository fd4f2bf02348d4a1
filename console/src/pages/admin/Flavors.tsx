import { PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, Input, InputNumber, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { createFlavor, deleteFlavor, type Flavor, flavorsQuery, type NewFlavor } from '../../api/flavors'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { useFail } from '../../components/useFail'
import { FormDialog } from '../../components/FormDialog'
import { bytes } from '../../lib/bytes'

export function Flavors() {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const { data, error, isPending, refetch } = useQuery(flavorsQuery)
  const remove = ({ id, name }: Flavor) =>
    modal.confirm({
      title: t('flavors.delete.title', { name }),
      content: t('flavors.delete.what'),
      okText: t('flavors.delete.submit'),
      okButtonProps: { danger: true },
      onOk: () =>
        deleteFlavor(id)
          .catch((error: unknown) => fail(t('flavors.delete.submit'), error))
          .finally(() => queries.invalidateQueries({ queryKey: ['flavors'] })),
    })
  return (
    <>
      <PageHead title={t('nav.flavors')}>
        <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setOpen(true)}>{t('flavors.create')}</Button>
      </PageHead>
      {error ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <div className="card">
          <Table<Flavor>
            size="middle"
            rowKey="id"
            loading={isPending}
            dataSource={data}
            pagination={false}
            columns={[
              { title: t('column.name'), dataIndex: 'name', render: (name: string) => <span className="name-cell">{name}</span> },
              { title: 'vCPU', dataIndex: 'vcpus', align: 'right', className: 'number', width: 100 },
              { title: t('flavor.memory'), align: 'right', className: 'number', width: 140, render: (_, { ram }) => bytes(ram * 1024 * 1024) },
              { title: t('flavor.disk'), align: 'right', className: 'number', width: 140, render: (_, { disk }) => (disk === 0 ? t('flavor.ofImage') : `${disk} GiB`) },
              { title: 'ID', dataIndex: 'id', render: (id: string) => <span className="mono quiet">{id}</span> },
              { title: '', key: 'do', width: 110, align: 'right', render: (_, flavor) => <Button size="small" danger onClick={() => remove(flavor)}>{t('flavors.delete.submit')}</Button> },
            ]}
          />
        </div>
      )}
      {isOpen && <CreateFlavor onClose={() => setOpen(false)} />}
    </>
  )
}

function CreateFlavor({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const save = useMutation({
    mutationFn: createFlavor,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['flavors'] })
      onClose()
    },
  })
  return (
    <FormDialog title={t('flavors.create')} submit={t('flavors.create')} isBusy={save.isPending} error={save.error} initialValues={{ vcpus: 1, ram: 512, disk: 1 }} onSubmit={(typed: NewFlavor) => save.mutate(typed)} onClose={onClose} width={440}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}><Input autoFocus autoComplete="off" /></Form.Item>
        <Form.Item name="vcpus" label="vCPU"><InputNumber min={1} precision={0} style={{ width: '100%' }} /></Form.Item>
        <Form.Item name="ram" label={t('flavor.memory')}><InputNumber min={64} precision={0} suffix="MiB" style={{ width: '100%' }} /></Form.Item>
        <Form.Item name="disk" label={t('flavor.disk')}><InputNumber min={0} precision={0} suffix="GiB" style={{ width: '100%' }} /></Form.Item>
    </FormDialog>
  )
}
