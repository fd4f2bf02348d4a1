import { Alert } from 'antd'
import { ErrorDetails } from './ErrorDetails'
import { useErrorText } from './useFail'

/** The error of a form, with the id of the request; the form keeps what was typed. */
export function FormError({ error }: { error: unknown }) {
  const text = useErrorText()
  if (!error) return null
  const said = text(error)
  return <Alert type="error" showIcon role="alert" style={{ marginBottom: 14 }} title={said.what} description={(said.id || said.original) && <ErrorDetails of={said} />} />
}
