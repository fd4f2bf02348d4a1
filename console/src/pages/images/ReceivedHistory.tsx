import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import type { useFilters } from '../../components/useFilters'
import { ShareHistory } from './ShareHistory'

/** The history of what was offered to this project, on demand; the address keeps whether it is open. */
export function ReceivedHistory({ filters: { get, set } }: { filters: ReturnType<typeof useFilters> }) {
  const { t } = useTranslation()
  const isOpen = get('history') !== ''
  return (
    <section className="card padded" aria-labelledby="received">
      <div className="card-head" style={isOpen ? undefined : { marginBottom: 0 }}>
        <h2 id="received">{t('shares.received.title')}</h2>
        <Button size="small" aria-expanded={isOpen} onClick={() => set({ history: isOpen ? '' : 'open', after: get('after'), before: get('before'), from: get('from') })}>{t(isOpen ? 'shares.hide' : 'shares.show')}</Button>
      </div>
      {isOpen && <ShareHistory side="received" nameOf={() => undefined} />}
    </section>
  )
}
