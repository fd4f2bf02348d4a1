import { PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App, Button, Form, Input, Modal, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { deleteKeyPair, importKeyPair, type KeyPair, keyPairsQuery } from '../api/keyPairs'
import { Failure } from '../components/Failure'
import { PageHead } from '../components/PageHead'
import { useErrorText, useFail } from '../components/useFail'
import { Empty } from '../ui/Empty'

export function KeyPairs() {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const { data, error, isPending, refetch } = useQuery(keyPairsQuery)
  const remove = (name: string) =>
    modal.confirm({
      title: t('keyPairs.delete.title', { name }),
      content: t('keyPairs.delete.what'),
      okText: t('keyPairs.delete.submit'),
      okButtonProps: { danger: true },
      onOk: () =>
        deleteKeyPair(name)
          .catch((error: unknown) => fail(t('keyPairs.delete.submit'), error))
          .finally(() => queries.invalidateQueries({ queryKey: ['key-pairs'] })),
    })
  return (
    <>
      <PageHead title={t('nav.keyPairs')}>
        <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setOpen(true)}>{t('keyPairs.import')}</Button>
      </PageHead>
      {error ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <div className="card">
          <Table<KeyPair>
            size="middle"
            rowKey="name"
            loading={isPending}
            dataSource={data}
            pagination={false}
            locale={{ emptyText: isPending ? ' ' : <Empty title={t('keyPairs.empty.title')} what={t('keyPairs.empty.what')} /> }}
            columns={[
              { title: t('column.name'), dataIndex: 'name', render: (name: string) => <span className="name-cell">{name}</span> },
              { title: t('column.kind'), dataIndex: 'type', width: 100 },
              { title: t('keyPairs.fingerprint'), dataIndex: 'fingerprint', render: (text: string) => <span className="mono">{text}</span> },
              { title: '', key: 'do', width: 110, align: 'right', render: (_, { name }) => <Button size="small" danger onClick={() => remove(name)}>{t('keyPairs.delete.submit')}</Button> },
            ]}
          />
        </div>
      )}
      {isOpen && <ImportKeyPair onClose={() => setOpen(false)} />}
    </>
  )
}

function ImportKeyPair({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const text = useErrorText()
  const queries = useQueryClient()
  const [form] = Form.useForm<{ name: string; key: string }>()
  const save = useMutation({
    mutationFn: ({ name, key }: { name: string; key: string }) => importKeyPair(name.trim(), key.trim()),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['key-pairs'] })
      onClose()
    },
  })
  return (
    <Modal open title={t('keyPairs.import')} onCancel={onClose} okText={t('keyPairs.import')} confirmLoading={save.isPending} onOk={() => form.submit()}>
      {save.error && <Alert type="error" showIcon title={text(save.error).what} style={{ marginBottom: 14 }} />}
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(typed) => save.mutate(typed)}>
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}>
          <Input autoFocus autoComplete="off" />
        </Form.Item>
        <Form.Item name="key" label={t('keyPairs.publicKey')} extra={t('keyPairs.hint')} rules={[{ required: true, message: t('form.required') }]}>
          <Input.TextArea rows={4} className="mono" placeholder="ssh-ed25519 AAAA…" spellCheck={false} />
        </Form.Item>
      </Form>
    </Modal>
  )
}
