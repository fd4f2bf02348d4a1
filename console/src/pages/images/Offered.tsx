import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Space } from 'antd'
import { useTranslation } from 'react-i18next'
import { decide, offeredQuery } from '../../api/images'
import { useFail } from '../../components/useFail'
import type { Project } from '../../api/session'

/** The images that strangers' projects offer this one; each joins the shared images once somebody here accepts it. */
export function Offered({ project }: { project: Project }) {
  const { t } = useTranslation()
  const fail = useFail()
  const queries = useQueryClient()
  const { data = [] } = useQuery(offeredQuery)
  const answer = useMutation({
    mutationFn: ({ id, status }: { id: string; status: 'accepted' | 'rejected' }) => decide(id, project.id, status),
    onError: (error) => fail(t('offered.failed'), error),
    onSettled: () => queries.invalidateQueries({ queryKey: ['images'] }),
  })
  return data.map(({ id, name }) => (
    <Alert
      key={id}
      type="info"
      showIcon
      style={{ marginBottom: 12 }}
      title={t('offered.what', { name: name ?? id })}
      action={
        <Space>
          <Button size="small" type="primary" onClick={() => answer.mutate({ id, status: 'accepted' })}>{t('offered.accept')}</Button>
          <Button size="small" onClick={() => answer.mutate({ id, status: 'rejected' })}>{t('offered.reject')}</Button>
        </Space>
      }
    />
  ))
}
