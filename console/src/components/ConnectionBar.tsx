import { DisconnectOutlined } from '@ant-design/icons'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { isThere } from '../api/http'
import { clock } from '../lib/time'
import { useConnectionLost } from './useConnection'

/** The pause between two tries, in milliseconds. */
const AGAIN = 2000

/** While the service cannot be reached: since when, and that it is tried again. Then everything is asked anew. */
export function ConnectionBar() {
  const { t, i18n } = useTranslation()
  const queries = useQueryClient()
  const since = useConnectionLost()
  const isLost = since !== null
  useEffect(() => {
    if (!isLost) return
    const timer = setInterval(() => {
      void isThere().then((answers) => {
        if (answers) void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' })
      })
    }, AGAIN)
    return () => clearInterval(timer)
  }, [isLost, queries])
  return (
    <div aria-live="polite" className={isLost ? 'connection lost' : 'connection'}>
      {isLost && <><DisconnectOutlined aria-hidden /> {t('connection.lost', { time: clock(since, i18n.language) })}</>}
    </div>
  )
}
