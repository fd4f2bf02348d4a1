import { CloseOutlined, DownloadOutlined, FilterOutlined, TableOutlined } from '@ant-design/icons'
import { Button, Checkbox } from 'antd'
import { type ReactNode, useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { saveText } from '../lib/save'
import { useFail } from './useFail'

/** A filter that holds: its name and value, and the way to end it. */
export interface Chip {
  name: string
  value?: string
  remove: () => void
}

interface Props {
  chips: Chip[]
  /** The fields of the filters. */
  filters?: ReactNode
  columns: { key: string; label: string }[]
  shown: string[]
  isChosen: boolean
  choose: (keys: string[] | null) => void
  /** The whole list as CSV. */
  save: () => Promise<string>
  fileName: string
}

/** The tools below a list's toolbar: its filters as chips and as fields, its columns, and the list as a file. */
export function ListTools({ chips, filters, columns, shown, isChosen, choose, save, fileName }: Props) {
  const { t } = useTranslation()
  const fail = useFail()
  const id = useId()
  const [open, setOpen] = useState<'filters' | 'columns'>()
  const [isSaving, setSaving] = useState(false)
  const toggle = (panel: 'filters' | 'columns') => setOpen((was) => (was === panel ? undefined : panel))
  const download = async () => {
    setSaving(true)
    await save().then((text) => saveText(fileName, text)).catch((error: unknown) => fail(t('list.csvFailed'), error))
    setSaving(false)
  }
  const opener = (panel: 'filters' | 'columns', icon: ReactNode, label: string) => (
    <Button size="small" type="text" icon={icon} aria-expanded={open === panel} aria-controls={`${id}${panel}`} onClick={() => toggle(panel)}>{label}</Button>
  )
  return (
    <div className="list-tools">
      <div className="list-line">
        {filters && opener('filters', <FilterOutlined aria-hidden />, t('list.filter'))}
        {chips.map(({ name, value, remove }) => {
          const text = value === undefined ? name : t('list.chip', { name, value })
          return <Button key={text} size="small" shape="round" className="chip" aria-label={t('list.remove', { what: text })} onClick={remove}>{text} <CloseOutlined aria-hidden /></Button>
        })}
        <span className="grow" />
        {opener('columns', <TableOutlined aria-hidden />, t('list.columns'))}
        <Button size="small" type="text" icon={<DownloadOutlined aria-hidden />} loading={isSaving} onClick={() => void download()}>{t('list.csv')}</Button>
      </div>
      {open === 'filters' && <div id={`${id}filters`} className="list-panel" role="group" aria-label={t('list.filter')}>{filters}</div>}
      {open === 'columns' && (
        <div id={`${id}columns`} className="list-panel" role="group" aria-label={t('list.columns')}>
          <Checkbox.Group value={shown} onChange={choose} options={columns.map(({ key, label }) => ({ value: key, label }))} />
          <Button size="small" disabled={!isChosen} onClick={() => choose(null)}>{t('list.usual')}</Button>
        </div>
      )}
    </div>
  )
}
