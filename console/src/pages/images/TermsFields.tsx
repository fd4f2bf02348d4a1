import { Button, Input, Select } from 'antd'
import { useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { bytesOf, ENDS, endAfter, type End, fieldOf, misfitOf, MOST_NOTE, MOST_REASON, type Typed } from '../../lib/terms'

/** The end of a share, and the texts for both sides; the texts are folded in at first where the dialog has much else. */
export function TermsFields({ value, onChange, isFolded }: { value: Typed; onChange: (typed: Typed) => void; isFolded?: boolean }) {
  const { t } = useTranslation()
  const id = useId()
  const [isOpen, setOpen] = useState(!isFolded || value.note + value.reason !== '')
  const misfit = misfitOf(value)
  const choose = (end: End) => {
    const now = new Date()
    // The choice is a time from here on, so that what is shown is what is sent.
    const at = end === 'never' ? '' : end === 'own' ? value.at || fieldOf(endAfter('day', now)) : fieldOf(endAfter(end, now))
    onChange({ ...value, end, at })
  }
  const wrong = misfit === 'time' || misfit === 'past' ? t(`terms.misfit.${misfit}`) : ''
  return (
    <div className="terms">
      <div className="terms-end">
        <label htmlFor={`${id}-end`}>{t('terms.end')}</label>
        <Select<End> id={`${id}-end`} value={value.end} onChange={choose} style={{ width: 170 }} options={ENDS.map((end) => ({ value: end, label: t(`terms.${end}`) }))} />
        {value.end !== 'never' && (
          <Input
            type="datetime-local" step={1} style={{ width: 230 }} aria-label={t('terms.at')} aria-describedby={wrong ? `${id}-wrong` : undefined} status={wrong ? 'error' : undefined}
            value={value.at} onChange={({ target }) => onChange({ ...value, end: 'own', at: target.value })}
          />
        )}
        {!isOpen && <Button type="link" size="small" aria-expanded={false} onClick={() => setOpen(true)}>{t('terms.texts')}</Button>}
      </div>
      {wrong && <div id={`${id}-wrong`} role="alert" className="over">{wrong}</div>}
      {isOpen && <Text id={`${id}-note`} label={t('terms.note')} hint={t('terms.noteHint')} most={MOST_NOTE} rows={3} value={value.note} onChange={(note) => onChange({ ...value, note })} />}
      {isOpen && <Text id={`${id}-reason`} label={t('terms.reason')} hint={t('terms.reasonHint')} most={MOST_REASON} rows={1} value={value.reason} onChange={(reason) => onChange({ ...value, reason })} />}
    </div>
  )
}

/** A text, with the bytes that it has and may have. */
function Text({ id, label, hint, most, rows, value, onChange }: { id: string; label: string; hint: string; most: number; rows: number; value: string; onChange: (text: string) => void }) {
  const { t, i18n } = useTranslation()
  const used = bytesOf(value)
  const isOver = used > most
  const number = (bytes: number) => bytes.toLocaleString(i18n.language)
  return (
    <div>
      <label htmlFor={id}>{label}</label>
      <Input.TextArea id={id} autoSize={{ minRows: rows, maxRows: 8 }} value={value} status={isOver ? 'error' : undefined} aria-describedby={`${id}-hint ${id}-bytes`} onChange={({ target }) => onChange(target.value)} />
      <div className="terms-hint small">
        <span id={`${id}-hint`} className="quiet">{hint}</span>
        <span id={`${id}-bytes`} className={isOver ? 'over number' : 'quiet number'} role={isOver ? 'alert' : undefined}>{t('terms.bytes', { used: number(used), most: number(most) })}</span>
      </div>
    </div>
  )
}
