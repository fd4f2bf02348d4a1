import { Progress } from 'antd'
import { type Level, levelOf, percentOf } from '../lib/usage'

const COLOURS: Record<Level, string> = { roomy: 'var(--ant-color-primary)', tight: 'var(--ant-color-warning)', full: 'var(--ant-color-error)' }

/** A part of a limit as a bar with its figures, an entry of a list of class `usage`. Without numbers it has its place already. */
export function UsageBar({ name, text, of }: { name: string; text: string; of?: { used: number; limit: number } }) {
  const level = of ? levelOf(of.used, of.limit) : 'roomy'
  return (
    <li>
      <span>{name}</span>
      <span className={`number ${level === 'full' ? 'over' : 'quiet'}`}>{text}</span>
      <Progress percent={of ? percentOf(of.used, of.limit) : 0} showInfo={false} size="small" strokeColor={COLOURS[level]} aria-label={`${name}: ${text}`} />
    </li>
  )
}
