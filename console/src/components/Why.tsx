import { Tooltip } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Reason } from '../lib/can'

/** Says why what it holds is grey, when pointed at and to a screen reader. */
export function Why({ reason, children }: { reason: Reason; children: ReactNode }) {
  const { t } = useTranslation()
  if (reason === null) return children
  const why = t(`reason.${reason}`)
  return (
    <Tooltip title={why} trigger={['hover', 'focus']}>
      <span tabIndex={0} className="why" role="note" aria-label={why}>{children}</span>
    </Tooltip>
  )
}
