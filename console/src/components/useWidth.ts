import { useSyncExternalStore } from 'react'

/** Widths of the window in CSS pixels at which a list gains a column. */
const STEPS = [600, 768, 992, 1200, 1500] as const
const queries = STEPS.map((step) => matchMedia(`(min-width: ${step}px)`))

function subscribe(changed: () => void): () => void {
  queries.forEach((query) => query.addEventListener('change', changed))
  return () => queries.forEach((query) => query.removeEventListener('change', changed))
}

/** The largest of the steps that the window is as wide as; 0 below all of them. */
export const useWidth = () => useSyncExternalStore(subscribe, () => STEPS.findLast((_, at) => queries[at]?.matches) ?? 0)
