import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { changeImage, deleteImage, fileUrl, type Image, setActive } from '../../api/images'
import type { Action } from '../../components/ActionsMenu'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { bytes } from '../../lib/bytes'
import { canWithImage, type ImageAction, type Reason } from '../../lib/can'
import { paths } from '../../paths'
import { EditImage } from './EditImage'
import { ShareImage } from './ShareImage'

/** What can be done with the selected images, and the dialogs that it opens. */
export function useImageActions(selected: Image[], onDeleted?: () => void) {
  const { t } = useTranslation()
  const session = useSession()
  const navigate = useNavigate()
  const fail = useFail()
  const queries = useQueryClient()
  const { modal } = App.useApp()
  const [dialog, setDialog] = useState<'share' | 'edit' | null>(null)
  const [one] = selected

  const why = (action: ImageAction): Reason => {
    if (!one) return 'nothingSelected'
    if (selected.length > 1 && action !== 'delete') return 'oneOnly'
    return selected.map((image) => canWithImage(action, image, session)).find((reason) => reason !== null) ?? null
  }
  const change = async (title: string, act: (image: Image) => Promise<unknown>) => {
    const outcomes = await Promise.allSettled(selected.map(act))
    outcomes.forEach((outcome, n) => {
      if (outcome.status === 'rejected') fail(`${title}: ${selected[n]?.name ?? ''}`, outcome.reason)
    })
    await queries.invalidateQueries({ queryKey: ['images'] })
  }
  const confirmDelete = () => {
    const stored = selected.reduce((sum, image) => sum + (image.effigy.stored_bytes ?? 0), 0)
    modal.confirm({
      title: t('images.delete.title', { count: selected.length }),
      content: (
        <>
          <p>{t('images.delete.what', { names: selected.map(({ name, id }) => name ?? id).join(', ') })}</p>
          <p className="quiet">{t('images.delete.space', { size: bytes(stored) })}</p>
        </>
      ),
      okText: t('images.action.delete'),
      okButtonProps: { danger: true },
      onOk: async () => {
        await change(t('images.action.delete'), ({ id }) => deleteImage(id))
        onDeleted?.()
      },
    })
  }
  const protect = () =>
    void change(t('images.action.protect'), (image) =>
      changeImage(image.id, [{ op: 'replace', path: '/protected', value: !image.protected }]),
    )
  const download = () => {
    if (!one) return
    const link = document.createElement('a')
    link.href = fileUrl(one.id)
    link.download = `${one.name ?? one.id}.${one.disk_format ?? 'img'}`
    link.click()
  }
  const isOff = one?.status === 'deactivated'
  const actions: Action[] = [
    { key: 'launch', label: t('images.action.launch'), reason: why('launch'), run: () => one && void navigate(paths.launchFrom(one.id)) },
    { key: 'edit', label: t('images.action.edit'), reason: why('edit'), run: () => setDialog('edit') },
    { key: 'protect', label: one?.protected ? t('images.action.unprotect') : t('images.action.protect'), reason: why('edit'), run: protect },
    isOff
      ? { key: 'active', label: t('images.action.reactivate'), reason: why('reactivate'), run: () => void change(t('images.action.reactivate'), ({ id }) => setActive(id, true)) }
      : { key: 'active', label: t('images.action.deactivate'), reason: why('deactivate'), run: () => void change(t('images.action.deactivate'), ({ id }) => setActive(id, false)) },
    { key: 'download', label: t('images.action.download'), reason: why('download'), run: download },
    { key: 'delete', label: t('images.action.delete'), reason: why('delete'), run: confirmDelete, danger: true, apart: true },
  ]
  const dialogs = one && (
    <>
      {dialog === 'share' && <ShareImage image={one} onClose={() => setDialog(null)} />}
      {dialog === 'edit' && <EditImage image={one} onClose={() => setDialog(null)} />}
    </>
  )
  return { actions, dialogs, share: { reason: why('share'), open: () => setDialog('share') } }
}
