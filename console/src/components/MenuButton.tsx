import { Button, type ButtonProps, Dropdown, type MenuProps } from 'antd'
import { useRef } from 'react'

interface Props extends Omit<ButtonProps, 'onClick'> {
  items: MenuProps['items']
  selected?: string[]
  onPick: (key: string) => void
}

/** A button with a menu. The focus is the button's again once the menu closes, and before what was picked begins. */
export function MenuButton({ items, selected, onPick, ...button }: Props) {
  const at = useRef<HTMLButtonElement>(null)
  const closed = () => {
    const { activeElement: has } = document
    // A click elsewhere has given the focus away already.
    if (!has || has === document.body || has.closest('.ant-dropdown')) at.current?.focus()
  }
  const pick: MenuProps['onClick'] = ({ key, domEvent }) => {
    // A key that picked it goes no further: it would press the button, or send the dialog that opens.
    domEvent.preventDefault()
    at.current?.focus()
    onPick(key)
  }
  return (
    <Dropdown
      trigger={['click']}
      autoFocus
      destroyOnHidden
      onOpenChange={(isOpen) => !isOpen && closed()}
      menu={{ items, selectable: selected !== undefined, selectedKeys: selected, onClick: pick }}
    >
      <Button ref={at} {...button} />
    </Dropdown>
  )
}
