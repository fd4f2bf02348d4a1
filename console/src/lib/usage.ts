// How full a quota is.

/** `full`: nothing more fits, or more is wanted than fits. */
export type Level = 'roomy' | 'tight' | 'full'

/** From this part on a quota is nearly used up. */
const TIGHT = 0.8

export const percentOf = (used: number, limit: number) => (limit <= 0 ? 100 : Math.min(100, (used / limit) * 100))

export function levelOf(used: number, limit: number): Level {
  if (used >= limit) return 'full'
  return used >= limit * TIGHT ? 'tight' : 'roomy'
}
