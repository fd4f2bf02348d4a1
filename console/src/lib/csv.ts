// Tables as CSV (RFC 4180).

type Cell = string | number | null | undefined

/** A text that a spreadsheet would take for a formula begins with an apostrophe: names are whatever somebody typed. */
function cell(value: Cell): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const inert = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}

/** The mark at its beginning tells spreadsheets that it is UTF-8. */
export const csv = (head: string[], rows: Cell[][]) => `\ufeff${[head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`
