import { useQuery } from '@tanstack/react-query'
import { Select } from 'antd'
import { useId } from 'react'
import { useTranslation } from 'react-i18next'
import { projectsQuery } from '../api/identity'
import type { useFilters } from './useFilters'

/** Narrows a list of all projects to one. */
export function OwnerFilter({ filters: { get, set } }: { filters: ReturnType<typeof useFilters> }) {
  const { t } = useTranslation()
  const id = useId()
  const { data = [] } = useQuery({ ...projectsQuery, staleTime: 30_000 })
  const known = data.map(({ id, name }) => ({ value: id, label: name }))
  const owner = get('owner')
  // One whose record is gone is its id.
  const options = owner === '' || data.some(({ id }) => id === owner) ? known : [...known, { value: owner, label: owner }]
  return (
    <div>
      <label htmlFor={id}>{t('project.label')}</label>
      <Select id={id} popupMatchSelectWidth={false} showSearch={{ optionFilterProp: 'label' }} value={owner} onChange={(owner) => set({ owner })} options={[{ value: '', label: t('list.any') }, ...options]} />
    </div>
  )
}
