import { type ReactNode, useEffect } from 'react'
import { visible } from '../lib/text'
import { Name } from './Name'

/** A page's title and what can be done on it. */
export function PageHead({ title, children, status }: { title: string; children?: ReactNode; status?: ReactNode }) {
  useEffect(() => {
    document.title = `${visible(title)} · Effigy`
  }, [title])
  return (
    <div className="page-head">
      <h1><Name>{title}</Name></h1>
      {status}
      <div className="acts">{children}</div>
    </div>
  )
}
