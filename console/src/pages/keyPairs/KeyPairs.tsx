import { PlusOutlined } from '@ant-design/icons'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { deleteKeyPair, type KeyPair, keyPairsQuery } from '../../api/keyPairs'
import { Failure } from '../../components/Failure'
import { Name } from '../../components/Name'
import { PageHead } from '../../components/PageHead'
import { useFail } from '../../components/useFail'
import { useWidth } from '../../components/useWidth'
import { visible } from '../../lib/text'
import { Empty } from '../../ui/Empty'
import { GenerateKeyPair } from './GenerateKeyPair'
import { ImportKeyPair } from './ImportKeyPair'

export function KeyPairs() {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const isWide = useWidth() >= 992
  const [dialog, setDialog] = useState<'import' | 'generate'>()
  const { data, error, isPending, refetch } = useQuery(keyPairsQuery)
  const remove = (name: string) =>
    modal.confirm({
      title: t('keyPairs.delete.title', { name: visible(name) }),
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
        <Button onClick={() => setDialog('import')}>{t('keyPairs.import')}</Button>
        <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setDialog('generate')}>{t('keyPairs.generate')}</Button>
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
            tableLayout="fixed"
            locale={{ emptyText: isPending ? ' ' : <Empty title={t('keyPairs.empty.title')} what={t('keyPairs.empty.what')} /> }}
            columns={[
              { title: t('column.name'), render: (_, { name, fingerprint }) => <><span className="name-cell"><Name>{name}</Name></span>{!isWide && <div className="mono quiet small">{fingerprint}</div>}</> },
              ...(isWide ? [{ title: t('column.kind'), dataIndex: 'type', width: 100 }, { title: t('keyPairs.fingerprint'), dataIndex: 'fingerprint', width: 420, className: 'mono' }] : []),
              { title: '', key: 'do', width: 96, align: 'right', render: (_, { name }) => <Button size="small" danger aria-label={`${t('keyPairs.delete.submit')}: ${visible(name)}`} onClick={() => remove(name)}>{t('keyPairs.delete.submit')}</Button> },
            ]}
          />
        </div>
      )}
      {dialog === 'import' && <ImportKeyPair onClose={() => setDialog(undefined)} />}
      {dialog === 'generate' && <GenerateKeyPair onClose={() => setDialog(undefined)} />}
    </>
  )
}
