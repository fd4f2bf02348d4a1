import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'react-router'

/** A list's filters, kept in the address, so that a page can be sent to somebody. Changing one begins anew. */
export function useFilters() {
  const [words, setWords] = useSearchParams()
  const set = useCallback(
    (changes: Record<string, string>, options?: { push?: boolean }) =>
      setWords(
        (was) => {
          const next = new URLSearchParams(was)
          if (!('after' in changes)) next.delete('after')
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
