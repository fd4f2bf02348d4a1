import type { ReactNode } from 'react'

/** A list without entries: what that means, and what to do next. */
export function Empty({ title, what, action }: { title: string; what?: string; action?: ReactNode }) {
  return (
    <div style={{ padding: '44px 16px', textAlign: 'center' }}>
      <div style={{ fontWeight: 600, marginBottom: 4, color: 'var(--ant-color-text)' }}>{title}</div>
      {what && <div className="quiet" style={{ maxWidth: 460, margin: '0 auto 16px' }}>{what}</div>}
      {action}
    </div>
  )
}
