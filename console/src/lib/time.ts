const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000], ['month', 2_592_000], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1],
]

/** Making a formatter takes a thousand times as long as using it, and lists have many rows. */
function kept<T>(make: (language: string) => T): (language: string) => T {
  const made = new Map<string, T>()
  return (language) => {
    const formatter = made.get(language) ?? make(language)
    made.set(language, formatter)
    return formatter
  }
}

const agoFormat = kept((language) => new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' }))
const aheadFormat = kept((language) => new Intl.RelativeTimeFormat(language, { numeric: 'always' }))
const wholeFormat = kept((language) => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }))

/** OpenStack's times, some of which leave their zone out. */
export const parseTime = (text: string) => new Date(/[Zz]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`)

/** How long ago something was, in the person's language. */
export function ago(text: string, language: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - parseTime(text).getTime()) / 1000))
  const [unit, size] = STEPS.find(([, size]) => seconds >= size) ?? (['second', 1] as const)
  return agoFormat(language).format(-Math.floor(seconds / size), unit)
}

/** How long until something, in the person's language; nothing when its time has come. A week that began a second ago is a week. */
export function ahead(text: string, language: string, now = Date.now()): string {
  const seconds = Math.ceil((parseTime(text).getTime() - now) / 1000)
  if (seconds <= 0) return ''
  // In units of which there are at least two: what is rounded is not far off.
  const [unit, size] = STEPS.find(([, size]) => seconds >= 2 * size) ?? (['second', 1] as const)
  return aheadFormat(language).format(Math.round(seconds / size), unit)
}

const clockFormat = kept((language) => new Intl.DateTimeFormat(language, { timeStyle: 'medium' }))

/** The time of day of a time in milliseconds. */
export const clock = (time: number, language: string) => clockFormat(language).format(time)

/** The whole time, in the person's language and zone. */
export const wholeTime = (text: string, language: string) => wholeFormat(language).format(parseTime(text))

/** The moment at which a day (`2026-11-27`) begins where the person is, for the API; nothing for what is no day. */
export function dayBegins(day: string, later = 0): string {
  const [year, month, date] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day)?.slice(1).map(Number) ?? []
  if (year === undefined || month === undefined || date === undefined) return ''
  const begins = new Date(year, month - 1, date + later)
  return Number.isNaN(begins.getTime()) ? '' : begins.toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The moment at which a day has ended. */
export const dayAfter = (day: string) => dayBegins(day, 1)
