// The terms of a share, from what a person types.
import type { Share, Terms } from '../api/shares'
import { parseTime } from './time'

/** Bytes, as the service counts them. */
export const MOST_REASON = 1024
export const MOST_NOTE = 4096

export const ENDS = ['never', 'day', 'week', 'month', 'own'] as const
export type End = (typeof ENDS)[number]

export interface Typed {
  end: End
  /** The end in the person's own time, as a field has it: `2026-11-29T08:30:15`. */
  at: string
  /** The end as it was, and as the field showed it: one that nobody touches is sent as it was, also in an hour that comes twice. */
  was?: { at: string; expires_at: string }
  reason: string
  note: string
}

/** Why terms cannot be: the end is no time, or has been, or a text is too long. */
export type Misfit = 'time' | 'past' | 'reason' | 'note'

export const NO_TERMS: Typed = { end: 'never', at: '', reason: '', note: '' }

/** The bytes of a text without the blanks around it, which are not kept. */
export const bytesOf = (text: string) => new TextEncoder().encode(text.trim()).length

const two = (number: number) => String(number).padStart(2, '0')

/** A time as a field for date and time has it, in the person's zone. */
export const fieldOf = (time: Date) =>
  `${String(time.getFullYear()).padStart(4, '0')}-${two(time.getMonth() + 1)}-${two(time.getDate())}T${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`

/** The end that a choice stands for, by the calendar: a month from the 31st ends with the month after. */
export function endAfter(end: 'day' | 'week' | 'month', now: Date): Date {
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()]
  const lastOfNext = new Date(year, month + 2, 0).getDate()
  const [atMonth, atDay] = end === 'month' ? [month + 1, Math.min(day, lastOfNext)] : [month, day + (end === 'day' ? 1 : 7)]
  return new Date(year, atMonth, atDay, now.getHours(), now.getMinutes(), now.getSeconds())
}

/** The whole second that the terms end at, for the API; nothing for terms without an end, or with one that is no time. */
export function endOf({ end, at, was }: Typed): string | undefined {
  if (end === 'never') return undefined
  if (was && at === was.at) return was.expires_at
  const time = new Date(at)
  // An hour that is left out in spring is read as the next: the field would show another time than is sent.
  const isTime = !Number.isNaN(time.getTime()) && time.getUTCFullYear() <= 9999 && fieldOf(time).startsWith(at)
  return isTime ? time.toISOString().replace(/\.\d+Z$/, 'Z') : undefined
}

export function misfitOf(typed: Typed, now = Date.now()): Misfit | undefined {
  const end = endOf(typed)
  if (typed.end !== 'never' && end === undefined) return 'time'
  if (end !== undefined && Date.parse(end) <= now) return 'past'
  if (bytesOf(typed.reason) > MOST_REASON) return 'reason'
  return bytesOf(typed.note) > MOST_NOTE ? 'note' : undefined
}

/** All that is to be sent: a term that is left out is none. */
export function termsOf(typed: Typed): Terms {
  const [expires_at, reason, note] = [endOf(typed), typed.reason.trim(), typed.note.trim()]
  return { ...(expires_at && { expires_at }), ...(reason && { reason }), ...(note && { note }) }
}

/** The terms of a share as fields. */
export function typedOf({ expires_at, reason, note }: Share): Typed {
  const texts = { reason: reason ?? '', note: note ?? '' }
  if (expires_at === null) return { end: 'never', at: '', ...texts }
  const at = fieldOf(parseTime(expires_at))
  return { end: 'own', at, was: { at, expires_at }, ...texts }
}

/** The terms to send for a share that was `was` when a person began to change it, and is `now`: somebody else may have changed the others. */
export function changedTerms(typed: Typed, was: Share, now: Share): Terms {
  const [wanted, before, present] = [termsOf(typed), termsOf(typedOf(was)), termsOf(typedOf(now))]
  const terms = (['expires_at', 'reason', 'note'] as const).map((term) => [term, wanted[term] === before[term] ? present[term] : wanted[term]])
  return Object.fromEntries(terms.filter(([, value]) => value !== undefined)) as Terms
}
