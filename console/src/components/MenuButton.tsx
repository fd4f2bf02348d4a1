import { Button, type ButtonProps, Dropdown, type MenuProps } from 'antd'
import { useEffect, useId, useRef, useState } from 'react'

interface Props extends Omit<ButtonProps, 'onClick'> {
  items: MenuProps['items']
  selected?: string[]
  onPick: (key: string) => void
}

/**
 * A button with a menu. The focus is on the first item that can be picked once the menu is open, and the button's again
 * once it closes, before what was picked begins.
 */
export function MenuButton({ items, selected, onPick, ...button }: Props) {
  const id = useId()
  const at = useRef<HTMLButtonElement>(null)
  const [open, setOpen] = useState(false)
  // The menu cannot have the focus before it has its place. antd's `autoFocus` tries once, after three frames: too early
  // on a busy machine, where the keys of the menu would do nothing; too late when the menu was closed meanwhile.
  useEffect(() => {
    if (!open) return
    let frame = requestAnimationFrame(function enter() {
      const menu = document.getElementById(id)
      const first = menu?.querySelector<HTMLElement>('[role^=menuitem]:not([aria-disabled=true])')
      ;(first ?? menu)?.focus()
      if (!menu?.contains(document.activeElement)) frame = requestAnimationFrame(enter)
    })
    return () => cancelAnimationFrame(frame)
  }, [open, id])
  const change = (opens: boolean) => {
    setOpen(opens)
    const { activeElement: has } = document
    // A click elsewhere has given the focus away already.
    if (!opens && (!has || has === document.body || has.closest('.ant-dropdown'))) at.current?.focus()
  }
  const pick: MenuProps['onClick'] = ({ key, domEvent }) => {
    // A key that picked it goes no further: it would press the button, or send the dialog that opens.
    domEvent.preventDefault()
    at.current?.focus()
    onPick(key)
  }
  // Tab goes on from the button. It stops here: without `autoFocus`, antd would take it for the way into the menu.
  const leave: MenuProps['onKeyDown'] = (event) => {
    if (event.key !== 'Tab') return
    event.stopPropagation()
    at.current?.focus()
    setOpen(false)
  }
  return (
    <Dropdown
      trigger={['click']}
      destroyOnHidden
      open={open}
      onOpenChange={change}
      menu={{ id, items, selectable: selected !== undefined, selectedKeys: selected, onClick: pick, onKeyDown: leave }}
    >
      <Button ref={at} {...button} />
    </Dropdown>
  )
}
