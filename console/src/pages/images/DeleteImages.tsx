import { useQueries } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { descendantsQuery, figuresQuery, type Image, membersQuery } from '../../api/images'
import { instancesOfImageQuery } from '../../api/instances'
import { useProjectNames } from '../../components/useProjectNames'
import { useSession } from '../../components/useSession'
import { bytes } from '../../lib/bytes'
import { Dialog } from '../../ui/Dialog'

/** So many images are looked into before they are deleted; more are only named. */
const MAX_LOOKED_INTO = 10

/** Says what uses the images and what space comes free, and then deletes them. */
export function DeleteImages({ images, onDelete, onClose }: { images: Image[]; onDelete: () => Promise<void>; onClose: () => void }) {
  const { t } = useTranslation()
  const [isBusy, setBusy] = useState(false)
  const looked = images.slice(0, MAX_LOOKED_INTO)
  const instances = useQueries({ queries: looked.map(({ id }) => instancesOfImageQuery(id)) }).flatMap(({ data }) => data ?? [])
  const children = useQueries({ queries: looked.map(({ id }) => descendantsQuery(id)) }).flatMap(({ data }) => data ?? [])
  const figures = useQueries({ queries: looked.map(({ id }) => ({ ...figuresQuery(id), retry: false })) })
  // The projects that have it lose it: they are named before that.
  const { sharing } = useSession()
  const shared = sharing === 'off' ? [] : looked.filter(({ visibility }) => visibility === 'shared')
  const members = useQueries({ queries: shared.map(({ id }) => membersQuery(id)) }).flatMap(({ data }) => data ?? [])
  const losing = [...new Set(members.filter(({ status }) => status === 'accepted').map(({ member_id }) => member_id))]
  const nameOf = useProjectNames(losing.length > 0)
  const isCounted = images.length <= MAX_LOOKED_INTO && figures.every(({ data }) => data)
  // Two images may share what is nobody else's, so a sum is a lower bound.
  const free = figures.reduce((sum, { data }) => sum + (data?.unique_bytes ?? 0), 0)
  const stored = images.reduce((sum, { effigy }) => sum + (effigy.stored_bytes ?? 0), 0)
  const names = (of: { name: string | null; id: string }[]) => of.map(({ name, id }) => name ?? id).join(', ')
  const submit = async () => {
    setBusy(true)
    await onDelete()
    onClose()
  }
  return (
    <Dialog
      title={t('images.delete.title', { count: images.length })}
      onCancel={onClose}
      okText={t('images.action.delete')}
      okButtonProps={{ danger: true, loading: isBusy, autoFocus: true }}
      onOk={() => void submit()}
      width={480}
    >
      <p style={{ marginTop: 0, overflowWrap: 'anywhere' }}><strong>{names(images)}</strong></p>
      <ul className="plain-list">
        <li>{instances.length > 0 ? t('images.delete.instances', { count: instances.length, names: names(instances) }) : t('images.delete.noInstances')}</li>
        {losing.length > 0 && <li><strong>{t('ends.deleted', { count: losing.length, names: losing.map((id) => nameOf(id) ?? id).join(', ') })}</strong></li>}
        {children.length > 0 && <li>{t('images.delete.children', { count: children.length, names: names(children) })}</li>}
        <li>{isCounted ? t('images.delete.frees', { size: bytes(free), stored: bytes(stored) }) : t('images.delete.space', { size: bytes(stored) })}</li>
      </ul>
    </Dialog>
  )
}
