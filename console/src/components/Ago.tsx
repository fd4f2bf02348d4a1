import { Tooltip } from 'antd'
import { useTranslation } from 'react-i18next'
import { ago, wholeTime } from '../lib/time'

/** How long ago; the whole time when pointed at. */
export function Ago({ at }: { at: string | null | undefined }) {
  const { i18n } = useTranslation()
  if (!at) return <>–</>
  return (
    <Tooltip title={wholeTime(at, i18n.language)}>
      <time dateTime={at} className="number">{ago(at, i18n.language)}</time>
    </Tooltip>
  )
}
