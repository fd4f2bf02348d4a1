import { DownOutlined } from '@ant-design/icons'
import { useTranslation } from 'react-i18next'
import type { Reason } from '../lib/can'
import { MenuButton } from './MenuButton'

export interface Action {
  key: string
  label: string
  reason: Reason
  danger?: boolean
  /** A line above it sets it apart. */
  apart?: boolean
  run: () => void
}

/** A menu whose grey items say why they are grey. */
export function ActionsMenu({ label, actions, size }: { label: string; actions: Action[]; size?: 'small' }) {
  const { t } = useTranslation()
  const items = actions.flatMap((action) => [
    ...(action.apart ? [{ type: 'divider' as const }] : []),
    {
      key: action.key,
      danger: action.danger,
      disabled: action.reason !== null,
      label: (
        <>
          {action.label}
          {action.reason !== null && <span className="menu-reason">{t(`reason.${action.reason}`)}</span>}
        </>
      ),
    },
  ])
  return (
    <MenuButton size={size} items={items} onPick={(picked) => actions.find(({ key }) => key === picked)?.run()}>
      {label} <DownOutlined aria-hidden style={{ fontSize: 11 }} />
    </MenuButton>
  )
}
