// The colours of a guest's output, without anything else that a terminal would obey.
import { clean, wholeLines } from './text'

/** A colour of the sixteen by its number, or one that the guest mixed, as CSS. */
type Colour = number | string

export interface Style {
  colour?: Colour
  ground?: Colour
  bold?: boolean
  faint?: boolean
  italic?: boolean
  underlined?: boolean
  reversed?: boolean
}

/** Text in one style. */
export interface Run {
  text: string
  style: Style
}

const SELECT = new RegExp('\\u001b\\[([\\d;:]*)m', 'g')
/** The levels of red, green and blue in the 6 × 6 × 6 colours behind the first sixteen. */
const LEVELS = [0, 95, 135, 175, 215, 255]
const isByte = (value: number | undefined): value is number => value !== undefined && value <= 255

function mixed(number: number): Colour {
  if (number < 16) return number
  const grey = 8 + 10 * (number - 232)
  const [red, green, blue] = number < 232 ? [36, 6, 1].map((unit) => LEVELS[Math.floor((number - 16) / unit) % 6]) : [grey, grey, grey]
  return `rgb(${red}, ${green}, ${blue})`
}

/** The colour that begins at `rest`, and how many of the numbers it took. */
function extended(rest: number[]): [Colour | undefined, number] {
  if (rest[0] === 5) return [isByte(rest[1]) ? mixed(rest[1]) : undefined, 2]
  if (rest[0] !== 2) return [undefined, rest.length]
  const parts = rest.slice(1, 4)
  return [parts.length === 3 && parts.every(isByte) ? `rgb(${parts.join(', ')})` : undefined, 4]
}

/** The style after a *select graphic rendition*; numbers that say something else are passed over. */
function after(style: Style, numbers: number[]): Style {
  let next = { ...style }
  for (let at = 0; at < numbers.length; at += 1) {
    const number = numbers[at] ?? 0
    if (number === 0) next = {}
    else if (number === 1) next.bold = true
    else if (number === 2) next.faint = true
    else if (number === 3) next.italic = true
    else if (number === 4) next.underlined = true
    else if (number === 7) next.reversed = true
    else if (number === 22) next = { ...next, bold: false, faint: false }
    else if (number === 23) next.italic = false
    else if (number === 24) next.underlined = false
    else if (number === 27) next.reversed = false
    else if (number === 39) next.colour = undefined
    else if (number === 49) next.ground = undefined
    else if (number >= 30 && number <= 37) next.colour = number - 30
    else if (number >= 40 && number <= 47) next.ground = number - 40
    else if (number >= 90 && number <= 97) next.colour = number - 82
    else if (number >= 100 && number <= 107) next.ground = number - 92
    else if (number === 38 || number === 48) {
      const [colour, took] = extended(numbers.slice(at + 1))
      next = { ...next, [number === 38 ? 'colour' : 'ground']: colour }
      at += took
    }
  }
  return next
}

/** A guest's output as runs of text, each in one style. */
export function runsOf(printed: string): Run[] {
  const runs: Run[] = []
  let style: Style = {}
  let from = 0
  const add = (piece: string) => {
    const text = clean(piece)
    if (text !== '') runs.push({ text, style })
  }
  const lines = wholeLines(printed)
  for (const found of lines.matchAll(SELECT)) {
    add(lines.slice(from, found.index))
    style = after(style, (found[1] ?? '').split(/[;:]/).map(Number))
    from = found.index + found[0].length
  }
  add(lines.slice(from))
  return runs
}

/** The places of a text that are looked for, whatever their case; so many at most. */
export function placesOf(text: string, wanted: string, most: number): number[] {
  const [low, part] = [text.toLowerCase(), wanted.toLowerCase()]
  const places: number[] = []
  // Some signs have another length in lower case: then no place could be told.
  if (part === '' || low.length !== text.length) return places
  for (let at = low.indexOf(part); at >= 0 && places.length < most; at = low.indexOf(part, at + part.length)) places.push(at)
  return places
}

/** A piece of a run; `found` is the number of the place that it belongs to. */
export interface Piece extends Run {
  found?: number
}

/** The runs, cut where a place begins or ends. */
export function cut(runs: Run[], places: number[], length: number): Piece[] {
  const pieces: Piece[] = []
  let [at, next] = [0, 0]
  for (const { text, style } of runs) {
    let from = 0
    while (from < text.length) {
      const start = places[next] ?? Infinity
      const here = at + from
      const isIn = here >= start
      const to = Math.min(text.length, (isIn ? start + length : start) - at)
      pieces.push({ text: text.slice(from, to), style, ...(isIn && { found: next }) })
      from = to
      if (at + from >= start + length) next += 1
    }
    at += text.length
  }
  return pieces
}

/** The sixteen colours as text, and as the ground of text: each is legible beside the log's own. */
export const COLOURS = ['#7d8590', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#d7dde4', '#9198a1', '#ffa198', '#56d364', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#ffffff']
export const GROUNDS = ['#0d1117', '#8e1519', '#11572a', '#6b4300', '#0a4a94', '#5a32a3', '#0b5760', '#d7dde4', '#3d444d', '#a40e26', '#116329', '#7d4e00', '#0550ae', '#6639ba', '#0b6068', '#ffffff']
const [TEXT, GROUND] = ['#d7dde4', '#0d1117']

const of = (colour: Colour | undefined, palette: string[]) => (typeof colour === 'number' ? palette[colour] : colour)
const isLight = (ground: Colour | undefined) => ground === 7 || ground === 15

/** A style as CSS. */
export function shown({ colour, ground, bold, faint, italic, underlined, reversed }: Style) {
  // Black on white is what a guest means by that, and white on white is read by nobody.
  const isDark = isLight(ground) && (typeof colour !== 'string')
  const [text, back] = [isDark ? GROUND : of(colour, COLOURS), of(ground, GROUNDS)]
  const pair = reversed ? { color: back ?? GROUND, background: text ?? TEXT } : { ...(text && { color: text }), ...(back && { background: back }) }
  return {
    ...pair,
    ...(bold && { fontWeight: 700 }), ...(faint && { opacity: 0.75 }), ...(italic && { fontStyle: 'italic' }), ...(underlined && { textDecoration: 'underline' }),
  }
}
