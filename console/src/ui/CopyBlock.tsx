import { Typography } from 'antd'
import { useTranslation } from 'react-i18next'

/** Text to be copied, as it is. */
export function CopyBlock({ text, label, height = 200 }: { text: string; label: string; height?: number }) {
  const { t } = useTranslation()
  return (
    <div style={{ position: 'relative' }}>
      <pre className="code mono" role="group" aria-label={label} tabIndex={0} style={{ maxHeight: height }}>{text}</pre>
      <Typography.Text style={{ position: 'absolute', top: 6, right: 8 }} copyable={{ text, tooltips: [t('copy', { what: label }), t('copied')] }} />
    </div>
  )
}
