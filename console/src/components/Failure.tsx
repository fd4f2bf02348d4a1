import { Alert, Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { ErrorDetails } from './ErrorDetails'
import { useErrorText } from './useFail'

/** The notice in place of something that could not be loaded. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation()
  const text = useErrorText()(error)
  return (
    <Alert
      type="error"
      showIcon
      title={t('error.load')}
      description={
        <>
          <div>{text.what}</div>
          <ErrorDetails of={text} />
        </>
      }
      action={retry && <Button size="small" onClick={retry}>{t('error.retry')}</Button>}
    />
  )
}
