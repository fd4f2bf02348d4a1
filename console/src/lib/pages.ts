// The place of a page in its list.

export interface Range {
  from: number
  to: number
  /** Left out where it is not known, or does not fit what is shown: rows come and go while pages are turned. */
  all?: number
}

/** The rows of a page by their numbers in the list; nothing for a page without rows. */
export function rangeOf({ from, length, all }: { from: number; length: number; all: number | undefined }): Range | undefined {
  if (length === 0) return undefined
  const to = from + length - 1
  return all === undefined || all < to ? { from, to } : { from, to, all }
}
