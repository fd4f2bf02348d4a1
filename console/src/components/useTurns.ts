import { useCallback, useState } from 'react'

/** The pages of a list beside others on its page: turned both ways, and not kept in the address. */
export function useTurns() {
  const [markers, setMarkers] = useState<string[]>([])
  const after = markers.at(-1) ?? ''
  /** The properties of the pager below a page that this one follows on. */
  const pager = (next: string | undefined) => ({
    after,
    next,
    onGo: (to: string) => setMarkers((was) => (to === '' ? [] : [...was, to])),
    onPrevious: markers.length > 0 ? () => setMarkers((was) => was.slice(0, -1)) : undefined,
  })
  const toFirst = useCallback(() => setMarkers([]), [])
  return { after, pager, toFirst }
}
