import { useState } from 'react'
import { useWidth } from './useWidth'

/** A column that can be chosen. */
export interface Choosable {
  key: string
  /** The width of the window from which on it is shown as usual; none: only when it is chosen. */
  from?: number
}

/** The columns of a list: as many as the window has room for, unless the person has chosen some; that is kept. */
export function useColumns(list: string, columns: Choosable[]) {
  const kept = `effigy.columns.${list}`
  const width = useWidth()
  const [chosen, setChosen] = useState<string[] | null>(() => {
    try {
      const read: unknown = JSON.parse(localStorage.getItem(kept) ?? 'null')
      return Array.isArray(read) ? read.map(String) : null
    } catch {
      return null
    }
  })
  const choose = (keys: string[] | null) => {
    if (keys === null) localStorage.removeItem(kept)
    else localStorage.setItem(kept, JSON.stringify(keys))
    setChosen(keys)
  }
  const usual = columns.filter(({ from }) => from !== undefined && width >= from).map(({ key }) => key)
  // Cards have no columns to choose.
  const isNarrow = width < 600
  return { shown: chosen === null || isNarrow ? usual : chosen, isChosen: chosen !== null && !isNarrow, choose }
}
