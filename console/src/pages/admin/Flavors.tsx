import { PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, Input, InputNumber, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeFlavor, createFlavor, deleteFlavor, type Flavor, flavorsQuery, type NewFlavor } from '../../api/flavors'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { PageHead } from '../../components/PageHead'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { useWidth } from '../../components/useWidth'
import { FormDialog } from '../../components/FormDialog'
import { bytes } from '../../lib/bytes'

export function Flavors() {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const [dialog, setDialog] = useState<'create' | Flavor>()
  const { of_cloud: ofCloud } = useSession()
  const width = useWidth()
  const sizes = ({ vcpus, ram, disk }: Flavor) => [`${vcpus} vCPU`, bytes(ram * 1024 * 1024), disk === 0 ? t('flavor.ofImage') : `${disk} GiB`]
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
        {!ofCloud && <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setDialog('create')}>{t('flavors.create')}</Button>}
      </PageHead>
      {ofCloud && <p className="quiet lead">{t('cloud.flavors')}</p>}
      {error ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <div className="card admin-list">
          <Table<Flavor>
            size="middle"
            rowKey="id"
            loading={isPending}
            dataSource={data}
            pagination={false}
            columns={[
              { title: t('column.name'), key: 'name', render: (_, flavor) => <FlavorName flavor={flavor} sizes={width < 600 ? sizes(flavor) : []} /> },
              ...(width < 600 ? [] : [
                { title: 'vCPU', dataIndex: 'vcpus', align: 'right' as const, className: 'number', width: 100 },
                { title: t('flavor.memory'), key: 'memory', align: 'right' as const, className: 'number', width: 120, render: (_: unknown, flavor: Flavor) => sizes(flavor)[1] },
                { title: t('flavor.disk'), key: 'disk', align: 'right' as const, className: 'number', width: 140, render: (_: unknown, flavor: Flavor) => sizes(flavor)[2] },
              ]),
              ...(width < 992 ? [] : [{ title: 'ID', dataIndex: 'id', render: (id: string) => <span className="mono quiet">{id}</span> }]),
              ...(ofCloud ? [] : [{
                title: '', key: 'do', align: 'right' as const,
                render: (_: unknown, flavor: Flavor) => (
                  <div className="row-acts">
                    <Button size="small" onClick={() => setDialog(flavor)}>{t('admin.flavors.edit')}</Button>
                    <Button size="small" onClick={() => remove(flavor)}>{t('flavors.delete.submit')}</Button>
                  </div>
                ),
              }]),
            ]}
          />
        </div>
      )}
      {dialog && <FlavorForm flavor={dialog === 'create' ? undefined : dialog} onClose={() => setDialog(undefined)} />}
    </>
  )
}

/** A name; where there is no room for columns, the sizes below it. */
function FlavorName({ flavor: { name, description }, sizes }: { flavor: Flavor; sizes: string[] }) {
  return (
    <>
      <span className="name-cell"><Name>{name}</Name></span>
      {sizes.length > 0 && <div className="number small">{sizes.join(' · ')}</div>}
      {description && <div className="quiet small">{description}</div>}
    </>
  )
}

interface Sizes extends NewFlavor {
  description: string
}

/** Makes a flavor, or makes one anew with other sizes. */
function FlavorForm({ flavor, onClose }: { flavor?: Flavor; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const save = useMutation({
    mutationFn: ({ description, ...sizes }: Sizes) => (flavor ? changeFlavor(flavor, { ...sizes, description: description || null }) : createFlavor(sizes)),
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries({ queryKey: ['flavors'] }),
  })
  const title = flavor ? t('admin.flavors.editOf', { name: flavor.name }) : t('flavors.create')
  const initial = flavor ? { ...flavor, description: flavor.description ?? '' } : { vcpus: 1, ram: 512, disk: 1 }
  return (
    <FormDialog title={title} submit={flavor ? t('admin.flavors.save') : t('flavors.create')} isBusy={save.isPending} error={save.error} initialValues={initial} onSubmit={(typed: Sizes) => save.mutate(typed)} onClose={onClose} width={440}>
        {flavor && <p className="quiet" style={{ marginTop: 0 }}>{t('admin.flavors.copy')}</p>}
        {!flavor && <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}><Input autoFocus autoComplete="off" /></Form.Item>}
        <Form.Item name="vcpus" label="vCPU" rules={[{ required: true, message: t('form.required') }]}><InputNumber min={1} precision={0} style={{ width: '100%' }} /></Form.Item>
        <Form.Item name="ram" label={t('flavor.memory')} rules={[{ required: true, message: t('form.required') }]}><InputNumber min={64} precision={0} suffix="MiB" style={{ width: '100%' }} /></Form.Item>
        <Form.Item name="disk" label={t('flavor.disk')} rules={[{ required: true, message: t('form.required') }]}><InputNumber min={0} precision={0} suffix="GiB" style={{ width: '100%' }} /></Form.Item>
        {flavor && <Form.Item name="description" label={t('admin.flavors.description')} rules={[{ max: 255 }]}><Input autoComplete="off" /></Form.Item>}
    </FormDialog>
  )
}
