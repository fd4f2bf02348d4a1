import { Tag } from 'antd'
import { useTranslation } from 'react-i18next'
import { wholeTime } from '../lib/time'

/** Tells that something is deprecated or retired, or will be. */
export function Ending({ of }: { of: { deprecated_at: string | null; retired_at: string | null } }) {
  const { t, i18n } = useTranslation()
  const is = (at: string) => new Date(at) <= new Date()
  const { deprecated_at: deprecated, retired_at: retired } = of
  const [at, word] = retired && (is(retired) || !deprecated) ? [retired, is(retired) ? 'retired' : 'retires'] as const : [deprecated, deprecated && is(deprecated) ? 'deprecated' : 'deprecates'] as const
  return at ? <Tag title={wholeTime(at, i18n.language)}>{t(`channel.${word}`, { date: at.slice(0, 10) })}</Tag> : null
}
