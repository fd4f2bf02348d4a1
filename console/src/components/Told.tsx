import { useTranslation } from 'react-i18next'
import { translated } from '../i18n'
import { visible } from '../lib/text'

/** A message that the service kept, in the reader's language; its own words are in the title. */
export function Told({ children }: { children: string }) {
  // Another language is another text.
  useTranslation()
  const said = translated(children)
  return <span title={said === children ? undefined : children}>{visible(said)}</span>
}
