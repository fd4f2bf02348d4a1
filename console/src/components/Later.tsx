import { AutoComplete, Input } from 'antd'
import { useEffect, useState } from 'react'

/** A text that is taken once the person pauses. */
export function Later({ id, value, options, onChange }: { id: string; value: string; options?: string[]; onChange: (text: string) => void }) {
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed.trim() === value) return
    const timer = setTimeout(() => onChange(typed.trim()), 350)
    return () => clearTimeout(timer)
  }, [typed, value, onChange])
  if (!options) return <Input id={id} value={typed} onChange={({ target }) => setTyped(target.value)} autoComplete="off" />
  return <AutoComplete id={id} value={typed} onChange={(text) => setTyped(text ?? '')} options={options.filter((one) => one.includes(typed.toLowerCase())).map((one) => ({ value: one }))} />
}
