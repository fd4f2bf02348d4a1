// Sequences that a terminal would obey, and control characters but for tab and line feed.
const ESCAPES = new RegExp(
  '\\u001b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)|[@-_])|[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]',
  'g',
)

/** Control characters, and those that turn the direction of the text around them. */
const UNSEEN = new RegExp('[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]', 'g')

/** The text with a mark in place of each character that cannot be seen and changes how others are. */
export const visible = (text: string) => text.replace(UNSEEN, '\ufffd')

/** A guest's output, without the control sequences that only a terminal would obey; a line that was written over is
 * the last that was written. */
export const plainText = (printed: string) => printed.replaceAll(/\r+\n/g, '\n').replaceAll(/^[^\n]*\r(?=[^\n])/gm, '').replace(ESCAPES, '').replace(UNSEEN, '\ufffd')
