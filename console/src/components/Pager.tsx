import { Button } from 'antd'
import { useTranslation } from 'react-i18next'

/** Pages by key: on, and back to the beginning. */
export function Pager({ after, next, onGo }: { after: string; next: string | undefined; onGo: (after: string) => void }) {
  const { t } = useTranslation()
  if (!after && !next) return null
  return (
    <div className="pager">
      <Button disabled={!after} onClick={() => onGo('')}>{t('pager.first')}</Button>
      <Button disabled={!next} onClick={() => next && onGo(next)}>{t('pager.next')}</Button>
    </div>
  )
}
