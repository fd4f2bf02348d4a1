import { useCallback, useEffect, useMemo } from 'react'
import { useSearchParams } from 'react-router'
import { ApiError } from '../api/errors'

/** The words for a page's place in the list. */
const PLACE = ['after', 'before', 'from']

/** A list's filters, kept in the address, so that a page can be sent to somebody. Changing one begins anew. */
export function useFilters() {
  const [words, setWords] = useSearchParams()
  const set = useCallback(
    (changes: Record<string, string>, options?: { push?: boolean }) =>
      setWords(
        () => {
          // The address as it is by now: a change that was typed a moment ago is not undone by the next one.
          const next = new URLSearchParams(location.search)
          for (const place of PLACE) if (!(place in changes)) next.delete(place)
          for (const [name, value] of Object.entries(changes)) {
            if (value) next.set(name, value)
            else next.delete(name)
          }
          return next
        },
        { replace: !options?.push },
      ),
    [setWords],
  )
  return useMemo(() => ({ get: (name: string) => words.get(name) ?? '', set }), [words, set])
}

/** A page that began after something which is gone: the list begins anew. */
export function useFirstPageWhenGone({ get, set }: ReturnType<typeof useFilters>, error: unknown) {
  const isGone = get('after') + get('before') !== '' && error instanceof ApiError && (error.status === 400 || error.status === 404)
  useEffect(() => {
    if (isGone) set({})
  }, [isGone, set])
}
