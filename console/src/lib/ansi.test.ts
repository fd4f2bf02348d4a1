import { expect, test } from 'vitest'
import { COLOURS, cut, GROUNDS, placesOf, runsOf, shown } from './ansi'
import { plainText } from './text'

const E = '\u001b['

test('colours begin and end where the guest says', () => {
  expect(runsOf(`a${E}31mred${E}1m bold${E}0m b`)).toEqual([
    { text: 'a', style: {} }, { text: 'red', style: { colour: 1 } }, { text: ' bold', style: { colour: 1, bold: true } }, { text: ' b', style: {} },
  ])
  expect(runsOf(`${E}92;44mx${E}39my${E}my`).map(({ style }) => style)).toEqual([{ colour: 10, ground: 4 }, { ground: 4, colour: undefined }, {}])
})

test('mixed colours are numbers and nothing else', () => {
  const colour = (codes: string) => runsOf(`${E}${codes}mx`)[0]?.style.colour
  expect(['38;5;9', '38;5;196', '38;5;244', '38;2;1;2;3', '38:2:1:2:3'].map(colour)).toEqual([9, 'rgb(255, 0, 0)', 'rgb(128, 128, 128)', 'rgb(1, 2, 3)', 'rgb(1, 2, 3)'])
  expect(['38;5;999', '38;2;1;2', '38;2;1;2;256', '38', '38;9;1'].map(colour)).toEqual([undefined, undefined, undefined, undefined, undefined])
  // The numbers behind a colour count again.
  expect(runsOf(`${E}38;5;9;1mx`)[0]?.style).toEqual({ colour: 9, bold: true })
})

test('nothing but colours is obeyed, and the text is the plain text', () => {
  const printed = `10 %\r20 %\n${E}2J${E}1;1H${E}31m<b>x</b>\u001b]0;title\u0007\u202ey${E}0m\u0008${E}?25l end\n`
  const runs = runsOf(printed)
  expect(runs.map(({ text }) => text).join('')).toBe(plainText(printed))
  expect(plainText(printed)).toBe('20 %\n<b>x</b>\ufffdy end\n')
})

test('a text is found across colours, whatever its case', () => {
  const runs = runsOf(`one ${E}32mO${E}0mne none`)
  const text = runs.map((run) => run.text).join('')
  const places = placesOf(text, 'one', 10)
  expect(places).toEqual([0, 4, 9])
  expect(cut(runs, places, 3).map(({ text, found }) => [text, found])).toEqual([['one', 0], [' ', undefined], ['O', 1], ['ne', 1], [' n', undefined], ['one', 2]])
  expect([placesOf(text, 'one', 2).length, placesOf(text, '', 9).length, placesOf(text, 'two', 9).length]).toEqual([2, 0, 0])
})

/** The contrast of two colours, as WCAG has it. */
function contrast(one: string, other: string): number {
  const light = (hex: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [low = 0, high = 0] = [light(one), light(other)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

test('each of the sixteen colours can be read, as text and as the ground of text', () => {
  for (let n = 0; n < 16; n += 1) {
    const { color = '#d7dde4' } = shown({ ground: n })
    expect(contrast(COLOURS[n] ?? '', '#0d1117'), `text ${n}`).toBeGreaterThan(4.5)
    expect(contrast(color, GROUNDS[n] ?? ''), `ground ${n}`).toBeGreaterThan(4.5)
  }
})
