import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { changeImage, deleteImage, fileUrl, type Image, publishImage, setActive } from '../../api/images'
import type { Action } from '../../components/ActionsMenu'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { canWithImage, type ImageAction, type Reason } from '../../lib/can'
import { saveFrom } from '../../lib/save'
import { paths } from '../../paths'
import { DeleteImages } from './DeleteImages'
import { EditImage } from './EditImage'
import { isHeldBack, PublishImages } from './PublishImages'
import { ShareImage } from './ShareImage'

const ALONE: ImageAction[] = ['launch', 'edit', 'download', 'share']

/** The actions on the selected images, and the dialogs that they open. */
export function useImageActions(selected: Image[], onDeleted?: () => void) {
  const { t } = useTranslation()
  const session = useSession()
  const navigate = useNavigate()
  const fail = useFail()
  const queries = useQueryClient()
  const [dialog, setDialog] = useState<'share' | 'edit' | 'delete' | null>(null)
  // The images that the service did not make Public, for what was found inside.
  const [refused, setRefused] = useState<Image[]>([])
  const [one] = selected

  const why = (action: ImageAction): Reason => {
    if (!one) return 'nothingSelected'
    if (selected.length > 1 && ALONE.includes(action)) return 'oneOnly'
    return selected.map((image) => canWithImage(action, image, session)).find((reason) => reason !== null) ?? null
  }
  const change = async (title: string, act: (image: Image) => Promise<unknown>) => {
    const outcomes = await Promise.allSettled(selected.map(act))
    outcomes.forEach((outcome, n) => {
      if (outcome.status === 'rejected') fail(`${title}: ${selected[n]?.name ?? ''}`, outcome.reason)
    })
    await queries.invalidateQueries({ queryKey: ['images'] })
  }
  // The dialog for a reason shows the images held back before, and those that the service now does not make Public.
  const publish = async () => {
    const held = selected.filter(({ effigy_public: hold }) => hold)
    const others = selected.filter(({ effigy_public: hold }) => !hold)
    const outcomes = await Promise.allSettled(others.map((image) => publishImage(image.id)))
    outcomes.forEach((outcome, n) => {
      const image = others[n]
      if (outcome.status === 'fulfilled' || !image) return
      if (isHeldBack(outcome.reason)) held.push(image)
      else fail(`${t('images.action.publish')}: ${image.name ?? ''}`, outcome.reason)
    })
    await queries.invalidateQueries({ queryKey: ['images'] })
    setRefused(held)
  }
  const download = () => one && saveFrom(fileUrl(one.id), `${one.name ?? one.id}.${one.disk_format ?? 'img'}`)
  const patch = (path: string, value: unknown) => (image: Image) => changeImage(image.id, [{ op: 'replace', path, value }])
  const action = (key: Exclude<ImageAction, 'share' | 'upload'>, run: () => void, more?: Partial<Action>): Action => ({
    key, label: t(`images.action.${key}`), reason: why(key), run, ...more,
  })
  const each = (key: 'protect' | 'unprotect' | 'deactivate' | 'reactivate', act: (image: Image) => Promise<unknown>) =>
    action(key, () => void change(t(`images.action.${key}`), act))
  const actions: Action[] = [
    action('launch', () => one && void navigate(paths.launchFrom(one.id))),
    action('edit', () => setDialog('edit')),
    action('download', download),
    { ...(one?.protected ? each('unprotect', patch('/protected', false)) : each('protect', patch('/protected', true))), apart: true },
    one?.status === 'deactivated' ? each('reactivate', ({ id }) => setActive(id, true)) : each('deactivate', ({ id }) => setActive(id, false)),
    ...(session.is_admin ? [action('publish', () => void publish())] : []),
    action('delete', () => setDialog('delete'), { danger: true, apart: true }),
  ]
  const remove = async () => {
    await change(t('images.action.delete'), ({ id }) => deleteImage(id))
    onDeleted?.()
  }
  const dialogs = one && (
    <>
      {dialog === 'share' && <ShareImage image={one} onClose={() => setDialog(null)} />}
      {dialog === 'delete' && <DeleteImages images={selected} onDelete={remove} onClose={() => setDialog(null)} />}
      {refused.length > 0 && <PublishImages images={refused} onClose={() => setRefused([])} />}
      {dialog === 'edit' && <EditImage image={one} onClose={() => setDialog(null)} />}
    </>
  )
  return { actions, dialogs, share: { reason: why('share'), open: () => setDialog('share') } }
}
