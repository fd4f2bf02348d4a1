import { useTranslation } from 'react-i18next'
import { ago, wholeTime } from '../lib/time'

/** How long ago; the whole time when pointed at. */
export function Ago({ at }: { at: string | null | undefined }) {
  const { i18n } = useTranslation()
  if (!at) return <>–</>
  // Lists have one in each row: the browser's own hint costs nothing.
  return <time dateTime={at} className="number" title={wholeTime(at, i18n.language)}>{ago(at, i18n.language)}</time>
}
