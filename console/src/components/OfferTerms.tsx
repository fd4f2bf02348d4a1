import { visible } from '../lib/text'
import { Until } from './Until'

/** From so many lines on a note may be scrolled, which the keyboard has to reach. */
const LONG = 12

/** The owner's word to the receiver, as it was written; where there is little room, its first lines. */
export function Note({ children, isShort }: { children: string; isShort?: boolean }) {
  const text = <bdi>{visible(children)}</bdi>
  if (isShort) return <div className="note short">{text}</div>
  const isLong = children.split('\n').length > LONG || children.length > LONG * 60
  return <div className="note" role="note" tabIndex={isLong ? 0 : undefined}>{text}</div>
}

/** The receiver's part of a share: until when, and the note. */
export function OfferTerms({ of: { expires_at, note }, isShort }: { of: { expires_at: string | null; note: string | null }; isShort?: boolean }) {
  return (
    <>
      {expires_at && <div><Until at={expires_at} /></div>}
      {note && <Note isShort={isShort}>{note}</Note>}
    </>
  )
}
