import { AutoComplete, Input, InputNumber, Select, Switch } from 'antd'
import type { Definition } from '../../api/metadefs'
import { isYes } from '../../lib/properties'

interface Props {
  id?: string
  label: string
  definition?: Definition
  /** Texts that are offered where any may be typed. */
  offers?: string[]
  /** Whether no value is a value: then the property is not there. */
  mayBeEmpty?: boolean
  value?: string
  onChange?: (value: string) => void
}

/** The field for a property's value, by its definition; properties are texts, whatever they mean. */
export function PropertyField({ id, label, definition, offers, mayBeEmpty, value = '', onChange }: Props) {
  const common = { id, 'aria-label': label }
  if (definition?.enum && definition.enum.length > 0) {
    const words = [...(mayBeEmpty ? [''] : []), ...definition.enum.map(String)]
    // A value that is none of them is shown, and said to be wrong.
    const all = words.includes(value) ? words : [...words, value]
    return <Select {...common} value={value} onChange={onChange} options={all.map((word) => ({ value: word, label: word || '–' }))} style={{ width: '100%' }} />
  }
  if (definition?.type === 'boolean') return <Switch {...common} checked={isYes(value)} onChange={(on) => onChange?.(on ? 'true' : 'false')} />
  if (definition?.type === 'integer' || definition?.type === 'number') {
    return <InputNumber<string> {...common} stringMode value={value} min={definition.minimum?.toString()} max={definition.maximum?.toString()} precision={definition.type === 'integer' ? 0 : undefined} onChange={(typed) => onChange?.(typed ?? '')} style={{ width: '100%' }} />
  }
  if (offers) return <AutoComplete {...common} value={value} onChange={(typed) => onChange?.(typed ?? '')} options={offers.filter((one) => one.includes(value.toLowerCase())).map((one) => ({ value: one }))} style={{ width: '100%' }} />
  return <Input {...common} value={value} onChange={({ target }) => onChange?.(target.value)} autoComplete="off" maxLength={definition?.maxLength} />
}
