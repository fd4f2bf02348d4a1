import { useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { ago, wholeTime } from '../lib/time'

/** One clock for every age on a page. */
const listeners = new Set<() => void>()
let ticking: ReturnType<typeof setInterval> | undefined

/** Calls back every second; all of a page in one turn. */
export function everySecond(tick: () => void): () => void {
  listeners.add(tick)
  ticking ??= setInterval(() => listeners.forEach((listener) => listener()), 1000)
  return () => {
    listeners.delete(tick)
    if (listeners.size > 0) return
    clearInterval(ticking)
    ticking = undefined
  }
}

/** How long ago; the whole time when pointed at. It is drawn again when its words change. */
export function Ago({ at }: { at: string | null | undefined }) {
  const { i18n } = useTranslation()
  const words = useSyncExternalStore(everySecond, () => (at ? ago(at, i18n.language) : ''))
  if (!at) return <>–</>
  // Lists have one in each row: the browser's own hint costs nothing.
  return <time dateTime={at} className="number" title={wholeTime(at, i18n.language)}>{words}</time>
}
