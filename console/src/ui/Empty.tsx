import { InboxOutlined } from '@ant-design/icons'
import type { ReactNode } from 'react'

/** A list without entries: what that means, and what to do next. */
export function Empty({ title, what, action, icon = <InboxOutlined aria-hidden /> }: { title: string; what?: string; action?: ReactNode; icon?: ReactNode }) {
  return (
    <div className="empty">
      {icon}
      <div className="empty-title">{title}</div>
      {what && <div className="quiet empty-what">{what}</div>}
      {action}
    </div>
  )
}
