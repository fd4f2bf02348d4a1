// Sequences that a terminal would obey, and control characters but for tab and line feed.
const ESCAPES = new RegExp(
  '\\u001b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)|[@-_])|[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]',
  'g',
)

/** Control characters, and those that turn the direction of the text around them. */
const UNSEEN = new RegExp('[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]', 'g')

/** The text with a mark in place of each character that cannot be seen and changes how others are. */
export const visible = (text: string) => text.replace(UNSEEN, '\ufffd')

/** Each line as it was written last, where it was written over. */
export const wholeLines = (printed: string) => printed.replaceAll(/\r+\n/g, '\n').replaceAll(/^[^\n]*\r(?=[^\n])/gm, '')

/** A piece of output without the control sequences that only a terminal would obey. */
export const clean = (piece: string) => piece.replace(ESCAPES, '').replace(UNSEEN, '\ufffd')

/** A guest's output as plain text. */
export const plainText = (printed: string) => clean(wholeLines(printed))
