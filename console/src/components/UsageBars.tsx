import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { type Usage, usageQuery } from '../api/project'
import { bytes } from '../lib/bytes'
import { UsageBar } from './UsageBar'

type Part = 'instances' | 'vcpus' | 'memory_mib' | 'images' | 'image_bytes'

const MIB = 1024 * 1024

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
        const text = of ? t('usage.of', { used: amount(part, used), limit: amount(part, of.limit) }) : '…'
        return <UsageBar key={part} name={name} text={text} of={of ? { used, limit: of.limit } : undefined} />
      })}
    </ul>
  )
}
