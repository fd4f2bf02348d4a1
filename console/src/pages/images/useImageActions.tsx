import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { changeImage, decide, deleteImage, fileLink, type Image, publishImage, setActive } from '../../api/images'
import type { Action } from '../../components/ActionsMenu'
import { useUploads } from '../../components/Uploads'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { ableImages, type ImageAction } from '../../lib/can'
import { saveFrom } from '../../lib/save'
import { visible } from '../../lib/text'
import { paths } from '../../paths'
import { Promote } from '../../components/Promote'
import { DeactivateImages } from './DeactivateImages'
import { DeleteImages } from './DeleteImages'
import { EditImage } from './EditImage'
import { isHeldBack, PublishImages } from './PublishImages'
import { ShareImage } from './ShareImage'
import { UploadImage } from './UploadImage'

/** The actions on the selected images, and the dialogs that they open. */
export function useImageActions(selected: Image[], onDeleted?: () => void) {
  const { t } = useTranslation()
  const session = useSession()
  const navigate = useNavigate()
  const fail = useFail()
  const queries = useQueryClient()
  const { modal } = App.useApp()
  const { uploads } = useUploads()
  const [dialog, setDialog] = useState<'share' | 'edit' | 'delete' | 'deactivate' | 'upload' | 'promote' | null>(null)
  // The images that the service did not make Public, for what was found inside.
  const [refused, setRefused] = useState<Image[]>([])
  const [one] = selected

  const each = async (title: string, images: Image[], act: (image: Image) => Promise<unknown>) => {
    const outcomes = await Promise.allSettled(images.map(act))
    outcomes.forEach((outcome, n) => {
      if (outcome.status === 'rejected') fail(`${title}: ${images[n]?.name ?? ''}`, outcome.reason)
    })
    await queries.invalidateQueries({ queryKey: ['images'] })
  }
  // The dialog for a reason shows the images held back before, and those that the service now does not make Public.
  const publish = async (title: string, images: Image[]) => {
    const held = images.filter(({ os_effigy_public: hold }) => hold)
    await each(title, images.filter(({ os_effigy_public: hold }) => !hold), (image) =>
      publishImage(image.id).catch((error: unknown) => {
        if (!isHeldBack(error)) throw error
        held.push(image)
      }),
    )
    setRefused(held)
  }
  const confirmPublish = (title: string, images: Image[]) => {
    // Those held back are asked about with what was found in them.
    if (images.every(({ os_effigy_public: hold }) => hold)) return void publish(title, images)
    modal.confirm({
      title: t('publish.ask', { count: images.length }),
      content: <>{t('publish.askWhat', { names: images.map(({ name, id }) => visible(name ?? id)).join(', ') })}</>,
      okText: title,
      onOk: () => publish(title, images),
    })
  }
  const leave = (title: string, able: Image[]) =>
    modal.confirm({
      title: t('offer.leaveTitle', { count: able.length }),
      content: t('offer.leaveWhat', { names: able.map(({ name, id }) => visible(name ?? id)).join(', ') }),
      okText: title,
      okButtonProps: { danger: true },
      onOk: async () => {
        await each(title, able, ({ id }) => decide(id, session.project?.id ?? '', 'rejected'))
        onDeleted?.()
      },
    })
  const download = () => one && saveFrom(fileLink(one.id), `${one.name ?? one.id}.${one.disk_format ?? 'img'}`)
  const patch = (path: string, value: unknown) => (image: Image) => changeImage(image.id, [{ op: 'replace', path, value }])
  /** An action on those of the selection that it is possible for; the label says on how many, when not on all. */
  const action = (key: Exclude<ImageAction, 'share'>, run: (title: string, able: Image[]) => void, more?: Partial<Action>): Action => {
    const { able, reason } = ableImages(key, selected, session)
    const title = t(`images.action.${key}`)
    const isSome = able.length > 0 && able.length < selected.length
    return { key, label: isSome ? t('someOf', { action: title, count: able.length, all: selected.length }) : title, reason, run: () => run(title, able), ...more }
  }
  const change = (key: 'protect' | 'unprotect' | 'reactivate' | 'unpublish', act: (image: Image) => Promise<unknown>, more?: Partial<Action>) =>
    action(key, (title, able) => void each(title, able, act), more)
  const isForeign = one?.visibility === 'shared' && one.owner !== session.project?.id
  const isBegun = one?.status === 'uploading'
  // One that this tab sends is cancelled, not gone on with.
  const isWaiting = one?.status === 'queued' || (isBegun && !uploads.some(({ id }) => id === one.id))
  const actions: Action[] = [
    action('launch', () => one && void navigate(paths.launchFrom(one.id))),
    ...(isWaiting ? [action('upload', () => setDialog('upload'), isBegun ? { label: t('images.action.goOn') } : undefined)] : []),
    action('promote', () => setDialog('promote')),
    action('edit', () => setDialog('edit')),
    action('download', download),
    one?.protected ? change('unprotect', patch('/protected', false), { apart: true }) : change('protect', patch('/protected', true), { apart: true }),
    one?.status === 'deactivated' ? change('reactivate', ({ id }) => setActive(id, true)) : action('deactivate', () => setDialog('deactivate')),
    ...(session.is_admin ? [action('publish', confirmPublish)] : []),
    ...(session.is_admin && one?.visibility === 'public' ? [change('unpublish', patch('/visibility', 'private'))] : []),
    ...(isForeign ? [action('leave', leave, { apart: true })] : []),
    action('delete', () => setDialog('delete'), { danger: true, apart: !isForeign }),
  ]
  const deletable = ableImages('delete', selected, session).able
  const remove = async () => {
    await each(t('images.action.delete'), deletable, ({ id }) => deleteImage(id))
    onDeleted?.()
  }
  const active = ableImages('deactivate', selected, session).able
  const deactivate = () => each(t('images.action.deactivate'), active, ({ id }) => setActive(id, false))
  const dialogs = one && (
    <>
      {dialog === 'share' && <ShareImage image={one} onClose={() => setDialog(null)} />}
      {dialog === 'delete' && <DeleteImages images={deletable} onDelete={remove} onClose={() => setDialog(null)} />}
      {dialog === 'deactivate' && <DeactivateImages images={active} onDeactivate={deactivate} onClose={() => setDialog(null)} />}
      {refused.length > 0 && <PublishImages images={refused} onClose={() => setRefused([])} />}
      {dialog === 'upload' && <UploadImage image={one} onClose={() => setDialog(null)} />}
      {dialog === 'promote' && <Promote image={one} onClose={() => setDialog(null)} />}
      {dialog === 'edit' && <EditImage image={one} onClose={() => setDialog(null)} />}
    </>
  )
  return { actions, dialogs, share: { reason: ableImages('share', selected, session).reason, open: () => setDialog('share') } }
}
