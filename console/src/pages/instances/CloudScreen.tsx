import { useMutation } from '@tanstack/react-query'
import { Alert, Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { screenOfCloud } from '../../api/instances'
import { useErrorText } from '../../components/useFail'

/** The guest's screen where the cloud's Compute service shows it: on a page of that service, behind a link that is asked for. */
export function CloudScreen({ id }: { id: string }) {
  const { t } = useTranslation()
  const text = useErrorText()
  const open = useMutation({ mutationFn: () => screenOfCloud(id), gcTime: 0 })
  return (
    <>
      <p className="quiet lead">{t('cloud.screen')}</p>
      {open.error && <Alert type="warning" showIcon role="alert" className="notice" title={text(open.error).what} />}
      {open.data ? (
        <Button type="primary" href={open.data} target="_blank" rel="noopener noreferrer">{t('cloud.open')}</Button>
      ) : (
        <Button loading={open.isPending} onClick={() => open.mutate()}>{t('cloud.prepare')}</Button>
      )}
    </>
  )
}
