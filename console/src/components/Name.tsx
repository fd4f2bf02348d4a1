import { visible } from '../lib/text'

/** A name that a person gave: it keeps its direction to itself, and no sign in it turns round what is beside it. */
export function Name({ children }: { children: string }) {
  return <bdi>{visible(children)}</bdi>
}
