import { Checkbox, Select } from 'antd'
import { useId } from 'react'
import { useTranslation } from 'react-i18next'
import type { ImagesTab } from '../../api/images'
import { Later } from '../../components/Later'
import type { useFilters } from '../../components/useFilters'

/** The choices of the verification, and the conditions of each: as the words beside an image say it. */
export const VERDICTS = {
  clean: { verdict: 'passed', problems: 'false' },
  problems: { problems: 'true' },
  partly: { verdict: 'failed', problems: 'false' },
} as const

/** The filters beside search and status, by their words in the address. */
export const FILTERS = ['os', 'tag', 'visibility', 'verdict', 'hidden'] as const

/** Distributions that images often have, as their property os_distro names them. */
const SYSTEMS = ['debian', 'ubuntu', 'fedora', 'centos', 'rhel', 'rocky', 'almalinux', 'alpine', 'arch', 'opensuse', 'freebsd', 'windows']

/** The fields of the filters. Each is applied once it is chosen, or once the person pauses. */
export function ImageFilters({ filters: { get, set }, kind }: { filters: ReturnType<typeof useFilters>; kind: ImagesTab }) {
  const { t } = useTranslation()
  const id = useId()
  const any = { value: '', label: t('list.any') }
  return (
    <>
      <div><label htmlFor={`${id}os`}>{t('column.os')}</label><Later id={`${id}os`} value={get('os')} options={SYSTEMS} onChange={(os) => set({ os })} /></div>
      <div><label htmlFor={`${id}tag`}>{t('list.tag')}</label><Later id={`${id}tag`} value={get('tag')} onChange={(tag) => set({ tag })} /></div>
      {(kind === 'private' || kind === 'all') && (
        <div>
          <label htmlFor={`${id}visibility`}>{t('column.visibility')}</label>
          <Select id={`${id}visibility`} value={get('visibility')} onChange={(visibility) => set({ visibility })} options={[any, ...(['private', 'shared', 'community', ...(kind === 'all' ? ['public' as const] : [])] as const).map((value) => ({ value, label: t(`visibility.${value}`) }))]} />
        </div>
      )}
      <div>
        <label htmlFor={`${id}verdict`}>{t('column.verification')}</label>
        <Select id={`${id}verdict`} popupMatchSelectWidth={false} value={get('verdict')} onChange={(verdict) => set({ verdict })} options={[any, ...(Object.keys(VERDICTS) as (keyof typeof VERDICTS)[]).map((value) => ({ value, label: t(`list.${value}`) }))]} />
      </div>
      <Checkbox checked={get('hidden') !== ''} onChange={({ target }) => set({ hidden: target.checked ? 'yes' : '' })}>{t('list.hidden')}</Checkbox>
    </>
  )
}
