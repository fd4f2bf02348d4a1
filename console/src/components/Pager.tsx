import { Button } from 'antd'
import { useTranslation } from 'react-i18next'

/** Pages by key: on, and back to the beginning; where the list knows the way back, the page before this one too. */
export function Pager({ after, next, range, onGo, onPrevious }: { after: string; next: string | undefined; range?: string; onGo: (after: string) => void; onPrevious?: () => void }) {
  const { t } = useTranslation()
  const isOne = !after && !next && !onPrevious
  if (isOne && !range) return null
  return (
    <div className="pager">
      {range && <span className="quiet number" role="status">{range}</span>}
      {!isOne && (
        <>
          <Button disabled={!after && !onPrevious} onClick={() => onGo('')}>{t('pager.first')}</Button>
          {(onPrevious ?? range) && <Button disabled={!onPrevious} onClick={onPrevious}>{t('list.previous')}</Button>}
          <Button disabled={!next} onClick={() => next && onGo(next)}>{t('pager.next')}</Button>
        </>
      )}
    </div>
  )
}
