const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000], ['month', 2_592_000], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1],
]

/** OpenStack's times, some of which leave their zone out. */
export const parseTime = (text: string) => new Date(/[Zz]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`)

/** How long ago something was, in the person's language. */
export function ago(text: string, language: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - parseTime(text).getTime()) / 1000))
  const [unit, size] = STEPS.find(([, size]) => seconds >= size) ?? (['second', 1] as const)
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' })
  return format.format(-Math.floor(seconds / size), unit)
}

/** The whole time, in the person's language and zone. */
export const wholeTime = (text: string, language: string) =>
  parseTime(text).toLocaleString(language, { dateStyle: 'medium', timeStyle: 'medium' })
