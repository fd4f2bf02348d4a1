import { useQuery } from '@tanstack/react-query'
import { useLayoutEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { consoleLogQuery, LOG_LINES } from '../../api/instances'
import { Failure } from '../../components/Failure'
import { plainText } from '../../lib/text'

/** The guest's own words, as text; it follows while the guest runs, unless somebody has scrolled up to read. */
export function ConsoleLog({ id, isLive }: { id: string; isLive: boolean }) {
  const { t } = useTranslation()
  const { data, error } = useQuery(consoleLogQuery(id, isLive))
  const box = useRef<HTMLPreElement>(null)
  const follows = useRef(true)
  useLayoutEffect(() => {
    if (box.current && follows.current) box.current.scrollTop = box.current.scrollHeight
  }, [data])
  if (error && data === undefined) return <Failure error={error} />
  const text = data === undefined ? undefined : plainText(data)
  const isCut = (text?.split('\n').length ?? 0) >= LOG_LINES
  return (
    <>
      {isCut && <p className="quiet small">{t('console.last', { count: LOG_LINES })}</p>}
      <pre
        ref={box}
        className="log mono"
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={t('console.log')}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < 24
        }}
      >
        {text === '' ? t('console.silent') : text}
      </pre>
    </>
  )
}
