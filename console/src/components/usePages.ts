import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { rangeOf } from '../lib/pages'
import type { useFilters } from './useFilters'

/** The place of a page in its list, as the address has it; both ways from it, and its range in words. */
export function usePages({ get, set }: ReturnType<typeof useFilters>, size: number, onGo: () => void) {
  const { t, i18n } = useTranslation()
  const [after, before] = [get('after'), get('before')]
  const from = Math.max(1, Number(get('from')) || 1)
  const go = (place: { after?: string; before?: string; from?: number }) => {
    onGo()
    set({ after: place.after ?? '', before: place.before ?? '', from: place.from && place.from > 1 ? String(place.from) : '' }, { push: true })
  }
  /** The properties of the pager below these rows. `all` is their number, where it is known. */
  const pager = (ids: string[], all: number | undefined) => {
    const { length } = ids
    const [first, last] = [ids[0], ids.at(-1)]
    // Going back by less than a page leads to the first one, whatever came or went meanwhile.
    const back = from - size > 1 && first ? () => go({ before: first, from: from - size }) : () => go({})
    const isMore = before ? true : length === size && (all === undefined || from + length <= all)
    const range = rangeOf({ from, length, all })
    const words = { from: range?.from.toLocaleString(i18n.language), to: range?.to.toLocaleString(i18n.language), all: range?.all?.toLocaleString(i18n.language) }
    return {
      after: after || before,
      next: isMore ? last : undefined,
      range: range && (range.all === undefined ? t('list.rangeOnly', words) : t('list.range', words)),
      onGo: (to: string) => (to === '' ? go({}) : go({ after: to, from: from + length })),
      onPrevious: after || before ? back : undefined,
    }
  }
  /** A page before another has less than a page of rows when some were deleted: then the first page is near. */
  const useWholePage = (length: number | undefined) => {
    const isShort = before !== '' && length !== undefined && length < size
    useEffect(() => {
      if (isShort) set({})
    }, [isShort])
  }
  return { after, before, pager, useWholePage }
}
