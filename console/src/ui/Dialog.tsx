import { Modal, type ModalProps } from 'antd'
import { useEffect, useState } from 'react'

const FIELDS = '.ant-modal-body :is(input:not([type=checkbox], [type=radio], [type=file]), textarea):enabled'

/** Gives the focus to the first field of the dialog that has just opened, unless something in it has taken it. */
function enter() {
  const dialog = [...document.querySelectorAll('[role=dialog]')].at(-1)
  const has = document.activeElement
  if (has?.closest('.ant-modal-body, .ant-modal-footer') && dialog?.contains(has)) return
  dialog?.querySelector<HTMLElement>(FIELDS)?.focus()
}

/**
 * A dialog that is there while it is drawn, and gives the focus back to where it was when it goes: antd does so only
 * for one that stays and is hidden. Where nothing moves, antd draws it before it is on the page, and `autoFocus` in it
 * does nothing: so the first field gets the focus here.
 */
export function Dialog({ afterOpenChange, ...props }: ModalProps) {
  const [before] = useState(() => document.activeElement)
  useEffect(
    () => () => {
      // Once it is gone from the page; something else may have taken the focus by then.
      requestAnimationFrame(() => {
        if (before instanceof HTMLElement && document.activeElement === document.body) before.focus()
      })
    },
    [before],
  )
  const changed = (isOpen: boolean) => {
    if (isOpen) enter()
    afterOpenChange?.(isOpen)
  }
  return <Modal open {...props} afterOpenChange={changed} />
}
