import { useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { ahead, wholeTime } from '../lib/time'
import { everySecond } from './Ago'

/** When something ends: how far that is, and the whole time. */
export function Until({ at, isShort }: { at: string; isShort?: boolean }) {
  const { t, i18n } = useTranslation()
  const left = useSyncExternalStore(everySecond, () => ahead(at, i18n.language))
  const whole = wholeTime(at, i18n.language)
  return (
    <time dateTime={at} className="number until" title={whole}>
      {left === '' ? t('terms.ended') : t('terms.ends', { when: left })}
      {!isShort && <span className="quiet"> · {whole}</span>}
    </time>
  )
}
