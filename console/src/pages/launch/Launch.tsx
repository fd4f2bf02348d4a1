import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App, Button, Form, Input, InputNumber, Radio, Select, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate, useSearchParams } from 'react-router'
import { type Flavor, flavorsQuery } from '../../api/flavors'
import { imageQuery } from '../../api/images'
import { type Launch, launch } from '../../api/instances'
import { keyPairsQuery } from '../../api/keyPairs'
import { Commands } from '../../components/Commands'
import { PageHead } from '../../components/PageHead'
import { FormError } from '../../components/FormError'
import { bytes } from '../../lib/bytes'
import { base64, launchAsCommand, launchAsTerraform } from '../../lib/commands'
import { paths } from '../../paths'
import { ImagePicker } from './ImagePicker'

const MIB = 1024 * 1024
/** As many as one call launches. */
const MAX_COUNT = 100
/** Nova's limit of user data, encoded. */
const MAX_USER_DATA = 49_149

interface Typed {
  name: string
  count: number
  key_name?: string
  networks: 'auto' | 'none'
  user_data?: string
}

export function LaunchPage() {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [words] = useSearchParams()
  const [image, setImage] = useState(words.get('image') ?? '')
  const [chosenFlavor, setFlavor] = useState('')
  const [form] = Form.useForm<Typed>()
  const typed = Form.useWatch([], form) as Typed | undefined
  const keyPairs = useQuery(keyPairsQuery).data ?? []
  const { data: flavors = [], isPending } = useQuery(flavorsQuery)
  const record = useQuery({ ...imageQuery(image), enabled: image !== '' }).data
  // A flavor without a disk of its own takes the image's size.
  const fits = ({ disk, ram }: Flavor) =>
    ram >= (record?.min_ram ?? 0) &&
    (disk === 0 || (disk >= (record?.min_disk ?? 0) && disk * 1024 ** 3 >= (record?.virtual_size ?? 0)))
  const usable = flavors.filter(fits)
  const flavor = usable.find(({ id }) => id === chosenFlavor) ?? usable[0]

  const body: Launch = {
    name: typed?.name?.trim() || t('launch.noName'),
    imageRef: image || 'IMAGE',
    flavorRef: flavor?.id ?? 'FLAVOR',
    min_count: typed?.count ?? 1,
    max_count: typed?.count ?? 1,
    networks: typed?.networks ?? 'auto',
    key_name: typed?.key_name,
  }
  const begin = useMutation({
    mutationFn: () => launch({ ...body, user_data: typed?.user_data ? base64(typed.user_data) : undefined }),
    onSuccess: () => {
      notification.success({ title: t('launch.begun', { count: body.max_count, name: body.name }) })
      void queries.invalidateQueries({ queryKey: ['instances'] })
      void navigate(paths.instances)
    },
  })
  return (
    <>
      <PageHead title={t('launch.title')} />
      <Form<Typed> form={form} layout="vertical" requiredMark={false} initialValues={{ count: 1, networks: 'auto' }} onFinish={() => begin.mutate()}>
        <div className="launch">
          <div>
            <section className="card padded" aria-labelledby="launch-image">
              <h2 id="launch-image">{t('column.image')}</h2>
              <ImagePicker value={image} onChange={setImage} />
            </section>
            <section className="card padded" aria-labelledby="launch-flavor">
              <h2 id="launch-flavor">{t('column.flavor')}</h2>
              <Table<Flavor>
                size="small"
                rowKey="id"
                loading={isPending}
                dataSource={flavors}
                pagination={false}
                scroll={{ y: 216 }}
                rowSelection={{
                  type: 'radio', columnWidth: 44, selectedRowKeys: flavor ? [flavor.id] : [], onChange: ([id]) => setFlavor(String(id)),
                  getCheckboxProps: (row) => ({ disabled: !fits(row), 'aria-label': row.name }),
                }}
                columns={[
                  { title: t('column.name'), dataIndex: 'name' },
                  { title: 'vCPU', dataIndex: 'vcpus', align: 'right', className: 'number' },
                  { title: t('flavor.memory'), align: 'right', className: 'number', render: (_, { ram }) => bytes(ram * MIB) },
                  { title: t('flavor.disk'), align: 'right', className: 'number', render: (_, { disk }) => (disk === 0 ? t('flavor.ofImage') : `${disk} GiB`) },
                ]}
              />
              {record && flavors.length > 0 && usable.length === 0 && <Alert type="warning" showIcon style={{ marginTop: 10 }} title={t('launch.noFlavor')} />}
            </section>
            <section className="card padded" aria-labelledby="launch-name">
              <h2 id="launch-name">{t('launch.nameAndCount')}</h2>
              <div style={{ display: 'flex', gap: 14 }}>
                <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]} style={{ flex: 1 }}>
                  <Input autoComplete="off" />
                </Form.Item>
                <Form.Item name="count" label={t('launch.count')} extra={t('launch.countHint')}>
                  <InputNumber min={1} max={MAX_COUNT} precision={0} style={{ width: 130 }} />
                </Form.Item>
              </div>
            </section>
            <section className="card padded" aria-labelledby="launch-access">
              <h2 id="launch-access">{t('launch.access')}</h2>
              <Form.Item name="key_name" label={t('launch.keyPair')}>
                <Select allowClear placeholder={t('launch.noKeyPair')} options={keyPairs.map(({ name }) => ({ value: name, label: name }))} />
              </Form.Item>
              <Form.Item name="networks" label={t('launch.network')}>
                <Radio.Group options={[{ value: 'auto', label: t('launch.networkAuto') }, { value: 'none', label: t('launch.networkNone') }]} />
              </Form.Item>
              <Form.Item name="user_data" label={t('launch.userData')} rules={[{ validator: async (_, value?: string) => { if (value && base64(value).length > MAX_USER_DATA) throw new Error(t('launch.userDataLong')) } }]}>
                <Input.TextArea rows={4} className="mono" placeholder={'#cloud-config'} spellCheck={false} />
              </Form.Item>
            </section>
          </div>
          <aside className="card padded" aria-labelledby="launch-summary">
            <h2 id="launch-summary">{t('launch.summary')}</h2>
            <p style={{ marginTop: 0 }} className="number">
              {typed?.count ?? 1} × {record?.name ?? t('launch.noImage')} · {flavor?.name ?? '–'}
            </p>
            <FormError error={begin.error} />
            <Button type="primary" block htmlType="submit" disabled={!record || !flavor} loading={begin.isPending}>{t('instances.launch')}</Button>
            <div style={{ height: 14 }} />
            <Commands command={launchAsCommand(body, !!typed?.user_data)} terraform={launchAsTerraform(body, !!typed?.user_data)} />
          </aside>
        </div>
      </Form>
    </>
  )
}
