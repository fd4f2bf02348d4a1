import { Button, Result } from 'antd'
import { useTranslation } from 'react-i18next'

/** The stand-in for a page that could not be drawn: most often a new version was installed under it. */
export function PageFailed() {
  const { t } = useTranslation()
  return (
    <Result
      status="warning"
      title={t('pageFailed.title')}
      subTitle={t('pageFailed.what')}
      extra={<Button type="primary" onClick={() => location.reload()}>{t('pageFailed.reload')}</Button>}
    />
  )
}
