import { useQuery } from '@tanstack/react-query'
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { imageQuery } from '../api/images'
import { bytes } from '../lib/bytes'
import { osOf } from '../lib/os'
import { ImagePicker } from './ImagePicker'
import { Name } from './Name'

/** An image that the person came with is shown as chosen, and not looked for in a list until another is wanted. */
export function ImageChoice({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const { t } = useTranslation()
  const [isPicking, setPicking] = useState(value === '')
  const record = useQuery({ ...imageQuery(value), enabled: value !== '' }).data
  if (isPicking || !record) return <ImagePicker value={value} onChange={onChange} />
  return (
    <div className="chosen">
      <div>
        <strong className="name-cell"><Name>{record.name ?? record.id}</Name></strong>
        <div className="quiet number">{[t(`visibility.${record.visibility}`), osOf(record), bytes(record.virtual_size)].filter((word) => word !== '–').join(' · ')}</div>
      </div>
      <Button onClick={() => setPicking(true)}>{t('launch.change')}</Button>
    </div>
  )
}
