import { type ReactNode, useEffect } from 'react'

/** A page's title and what can be done on it. */
export function PageHead({ title, children, status }: { title: string; children?: ReactNode; status?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Effigy`
  }, [title])
  return (
    <div className="page-head">
      <h1>{title}</h1>
      {status}
      <span className="grow" />
      {children}
    </div>
  )
}
