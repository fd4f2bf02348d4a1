import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, InputNumber } from 'antd'
import { useTranslation } from 'react-i18next'
import { type OwnLimits, setQuota } from '../../api/host'
import { PROJECT, type Usage } from '../../api/project'
import { FormDialog } from '../../components/FormDialog'
import { bytes } from '../../lib/bytes'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
type Part = keyof Usage
/** The limits, with the unit that each is typed in: so many of the API's. */
const PARTS: [Part, unit?: string, size?: number][] = [
  ['instances'], ['vcpus'], ['memory_mib', 'GiB', 1024], ['disk_gib', 'GiB'], ['images'], ['image_bytes', 'GiB', GIB], ['uploads'], ['staged_bytes', 'GiB', GIB],
]

interface Props {
  project: { id: string; name: string }
  usage: Usage
  /** The limits that hold for a project that has none of its own. */
  usual: Usage
  own: OwnLimits | null
  onClose: () => void
}

/** The limits of a project; an empty field is the deployment's. */
export function Quota({ project, usage, usual, own, onClose }: Props) {
  const { t, i18n } = useTranslation()
  const queries = useQueryClient()
  const save = useMutation({
    mutationFn: (typed: OwnLimits) => {
      const said = PARTS.flatMap(([part, , size = 1]) => {
        const limit = typed[part]
        return limit === null || limit === undefined ? [] : [[part, Math.round(limit * size)]]
      })
      return setQuota(project.id, Object.fromEntries(said) as OwnLimits)
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: [PROJECT] })
      onClose()
    },
  })
  const amount = (part: Part, count: number) => (part.endsWith('bytes') ? bytes(count) : part === 'memory_mib' ? bytes(count * MIB) : part === 'disk_gib' ? bytes(count * GIB) : count.toLocaleString(i18n.language))
  const shown = PARTS.filter(([part]) => usual[part] !== null)
  const initial = Object.fromEntries(shown.map(([part, , size = 1]) => [part, typeof own?.[part] === 'number' ? own[part] / size : null])) as OwnLimits
  const label = (part: Part) => (part === 'uploads' || part === 'staged_bytes' || part === 'disk_gib' ? t(`admin.usage.${part}`) : t(`usage.${part}`))
  return (
    <FormDialog title={t('admin.quota.title', { name: project.name })} submit={t('admin.flavors.save')} isBusy={save.isPending} error={save.error} initialValues={initial} onSubmit={(typed: OwnLimits) => save.mutate(typed)} onClose={onClose} width={560}>
      <p className="quiet" style={{ marginTop: 0 }}>{t('admin.quota.what')}</p>
      <div className="edit-grid">
        {shown.map(([part, unit]) => (
          <Form.Item key={part} name={part} label={label(part)} extra={t('admin.quota.used', { used: amount(part, usage[part]?.used ?? 0), usual: amount(part, usual[part]?.limit ?? 0) })}>
            <InputNumber min={0} precision={unit && part !== 'disk_gib' ? 3 : 0} suffix={unit} placeholder={t('admin.quota.usual')} style={{ width: '100%' }} />
          </Form.Item>
        ))}
      </div>
    </FormDialog>
  )
}
