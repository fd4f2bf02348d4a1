import { Typography } from 'antd'
import { useTranslation } from 'react-i18next'
import type { ErrorText } from './useFail'

/** The id of the request; and the service's own sentence, where the reader was told in other words. */
export function ErrorDetails({ of: { id, original } }: { of: ErrorText }) {
  const { t } = useTranslation()
  return (
    <>
      {original && (
        <details className="quiet small">
          <summary>{t('error.details')}</summary>
          <span lang="en">{original}</span>
        </details>
      )}
      {id && <Typography.Text copyable={{ text: id, tooltips: false }} className="mono quiet">{t('error.request', { id })}</Typography.Text>}
    </>
  )
}
