import { Button, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { untyped } from '../../lib/keys'
import { Dialog } from '../../ui/Dialog'

/** So many signs are typed at once. */
const MOST = 4096

/** Takes a text that is then typed into the guest, which has no clipboard in common with the browser. */
export function PasteText({ onType, onClose }: { onType: (text: string) => void; onClose: () => void }) {
  const { t } = useTranslation()
  const [text, setText] = useState('')
  const strange = untyped(text)
  const type = () => {
    onType(text.replaceAll('\r', ''))
    onClose()
  }
  return (
    <Dialog
      title={t('console.paste')}
      onCancel={onClose}
      footer={<Button type="primary" disabled={text === '' || strange.length > 0} onClick={type}>{t('console.type')}</Button>}
    >
      <p className="quiet lead">{t('console.pasteHint')}</p>
      <Input.TextArea autoFocus rows={5} className="mono" maxLength={MOST} aria-label={t('console.pasteText')} value={text} onChange={({ target }) => setText(target.value)} />
      <p role="status" className="small">{strange.length > 0 ? t('console.untyped', { signs: strange.join(' ') }) : ''}</p>
    </Dialog>
  )
}
