import { useQuery } from '@tanstack/react-query'
import { Progress } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Usage, usageQuery } from '../api/project'
import { bytes } from '../lib/bytes'
import { type Level, levelOf, percentOf } from '../lib/usage'

type Part = 'instances' | 'vcpus' | 'memory_mib' | 'images' | 'image_bytes'

const MIB = 1024 * 1024
const COLOURS: Record<Level, string> = { roomy: 'var(--ant-color-primary)', tight: 'var(--ant-color-warning)', full: 'var(--ant-color-error)' }

/** Parts of the project's quota as bars; `more` is taken by what is being made, and shown with the rest. */
export function UsageBars({ parts, more = {} }: { parts: Part[]; more?: Partial<Record<Part, number>> }) {
  const { t, i18n } = useTranslation()
  const { data: usage } = useQuery(usageQuery)
  // The lines have their place before they have their numbers.
  const shown = parts.filter((part) => !usage || usage[part] !== null)
  const amount = (part: Part, count: number) =>
    part === 'image_bytes' ? bytes(count) : part === 'memory_mib' ? bytes(count * MIB) : count.toLocaleString(i18n.language)
  return (
    <ul className="usage">
      {shown.map((part) => {
        const of = usage?.[part as keyof Usage]
        const name = t(`usage.${part}`)
        const used = (of?.used ?? 0) + (more[part] ?? 0)
        const level = of ? levelOf(used, of.limit) : 'roomy'
        const text = of ? t('usage.of', { used: amount(part, used), limit: amount(part, of.limit) }) : '…'
        return (
          <li key={part}>
            <span>{name}</span>
            <span className={`number ${level === 'full' ? 'over' : 'quiet'}`}>{text}</span>
            <Progress percent={of ? percentOf(used, of.limit) : 0} showInfo={false} size="small" strokeColor={COLOURS[level]} aria-label={`${name}: ${text}`} />
          </li>
        )
      })}
    </ul>
  )
}
