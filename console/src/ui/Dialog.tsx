import { Modal, type ModalProps } from 'antd'
import { useEffect, useState } from 'react'

/**
 * A dialog that is there while it is drawn, and gives the focus back to where it was when it goes: antd does so only
 * for one that stays and is hidden.
 */
export function Dialog(props: ModalProps) {
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
  return <Modal open {...props} />
}
