// A text as the keys of a keyboard that types it.

const SHIFT = 0xffe1
const NAMED: Record<string, number> = { '\n': 0xff0d, '\t': 0xff09 }
/** The signs that a US keyboard has on the shift of a key: a guest's keyboard is taken for one. */
const SHIFTED = /[A-Z~!@#$%^&*()_+{}|:"<>?]/
const TYPED = /[ -~\n\t]/

export interface Press {
  key: number
  isDown: boolean
}

/** The signs of a text that no key of a US keyboard types, each once. */
export const untyped = (text: string) => [...new Set([...text.replaceAll('\r', '')].filter((sign) => !TYPED.test(sign)))]

/** The presses and releases that type a sign. */
export function pressesOf(sign: string): Press[] {
  const key = NAMED[sign] ?? sign.charCodeAt(0)
  const press = [{ key, isDown: true }, { key, isDown: false }]
  return SHIFTED.test(sign) ? [{ key: SHIFT, isDown: true }, ...press, { key: SHIFT, isDown: false }] : press
}
