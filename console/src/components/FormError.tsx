import { Alert } from 'antd'
import { useTranslation } from 'react-i18next'
import { useErrorText } from './useFail'

/** The error of a form, with the id of the request; the form keeps what was typed. */
export function FormError({ error }: { error: unknown }) {
  const { t } = useTranslation()
  const text = useErrorText()
  if (!error) return null
  const { what, id } = text(error)
  return <Alert type="error" showIcon role="alert" style={{ marginBottom: 14 }} title={what} description={id && <span className="mono quiet">{t('error.request', { id })}</span>} />
}
