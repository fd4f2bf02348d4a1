// Sequences that a terminal would obey, and control characters but for tab and line feed.
const ESCAPES = new RegExp(
  '\\u001b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)|[@-_])|[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]',
  'g',
)

/** A guest's output, without the control sequences that only a terminal would obey. */
export const plainText = (printed: string) => printed.replaceAll('\r\n', '\n').replace(ESCAPES, '')
