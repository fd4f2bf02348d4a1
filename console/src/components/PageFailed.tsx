import { useQuery } from '@tanstack/react-query'
import { Button, Result } from 'antd'
import { useTranslation } from 'react-i18next'
import { useLocation, useNavigate, useRouteError } from 'react-router'
import { isThere } from '../api/http'

/**
 * The stand-in for a page that could not be drawn. Mostly its code did not come: either the service cannot be reached,
 * and then it is tried again, or a new version was installed under it, and then all of it is loaded anew. The details
 * are for those who are told of any other reason.
 */
export function PageFailed() {
  const { t } = useTranslation()
  const error = useRouteError()
  const navigate = useNavigate()
  const location = useLocation()
  const { data: isAnswering = true } = useQuery({ queryKey: ['is-there'], queryFn: isThere, gcTime: 0, refetchInterval: ({ state }) => (state.data === false ? 2000 : false) })
  return (
    <Result
      status="warning"
      title={t('pageFailed.title')}
      subTitle={isAnswering ? t('pageFailed.what') : t('error.unreachable')}
      extra={isAnswering
        ? <Button type="primary" onClick={() => globalThis.location.reload()}>{t('pageFailed.reload')}</Button>
        : <Button type="primary" onClick={() => void navigate(location.pathname + location.search, { replace: true })}>{t('error.retry')}</Button>}
    >
      <details className="quiet small">
        <summary>{t('error.details')}</summary>
        <span lang="en">{String(error)}</span>
      </details>
    </Result>
  )
}
