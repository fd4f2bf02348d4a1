import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { confirmResize, deleteInstance, forceOffInstance, type Instance, isShelved, pauseInstance, rebootInstance, rescueInstance, resumeInstance, revertResize, shelveInstance, startInstance, stopInstance, suspendInstance, unpauseInstance, unrescueInstance, unshelveInstance } from '../../api/instances'
import type { Action } from '../../components/ActionsMenu'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { ableInstances, type InstanceAction } from '../../lib/can'
import { visible } from '../../lib/text'
import { paths } from '../../paths'
import { CreateImage } from './CreateImage'
import { Rename } from './Rename'

// They bring the lists of flavors and images along.
const Resize = lazy(async () => ({ default: (await import('./Resize')).Resize }))
const Rebuild = lazy(async () => ({ default: (await import('../../components/Rebuild')).Rebuild }))

/** The *Additional functions* of the selected instances, and the dialogs that they open. */
export function useInstanceActions(selected: Instance[], onDeleted?: () => void) {
  const { t } = useTranslation()
  const session = useSession()
  const navigate = useNavigate()
  const fail = useFail()
  const queries = useQueryClient()
  const { modal } = App.useApp()
  const [dialog, setDialog] = useState<'image' | 'rename' | 'resize' | null>(null)
  // As they were when the dialog was opened: it asks about no others.
  const [rebuilt, setRebuilt] = useState<Instance[]>([])
  const [one] = selected

  const each = async (title: string, instances: Instance[], act: (id: string) => Promise<unknown>) => {
    const outcomes = await Promise.allSettled(instances.map(({ id }) => act(id)))
    outcomes.forEach((outcome, n) => {
      if (outcome.status === 'rejected') fail(`${title}: ${instances[n]?.name ?? ''}`, outcome.reason)
    })
    await queries.invalidateQueries({ queryKey: ['instances'] })
  }
  const confirm = (key: 'delete' | 'forceOff' | 'hardReboot' | 'rescue' | 'shelve', instances: Instance[], act: () => Promise<unknown>) =>
    modal.confirm({
      title: t(`instances.${key}.title`, { count: instances.length }),
      content: <>{t(`instances.${key}.what`, { names: instances.map(({ name }) => visible(name)).join(', ') })}</>,
      okText: t(`instances.action.${key}`),
      okButtonProps: { danger: key !== 'rescue' && key !== 'shelve' },
      onOk: act,
    })

  /** An action on those of the selection that it is possible for; the label says on how many, when not on all. */
  const action = (key: InstanceAction, run: (title: string, able: Instance[]) => void, more?: Partial<Action>): Action => {
    const { able, reason } = ableInstances(key, selected, session)
    const title = t(`instances.action.${key}`)
    const isSome = able.length > 0 && able.length < selected.length
    return { key, label: isSome ? t('someOf', { action: title.replace('…', ''), count: able.length, all: selected.length }) : title, reason, run: () => run(title, able), ...more }
  }
  const hasOne = (status: Instance['status']) => selected.some((instance) => instance.status === status)
  const actions = [
    action('start', (title, able) => void each(title, able, startInstance)),
    action('stop', (title, able) => void each(title, able, stopInstance)),
    action('reboot', (title, able) => void each(title, able, (id) => rebootInstance(id, 'SOFT'))),
    action('hardReboot', (title, able) => confirm('hardReboot', able, () => each(title, able, (id) => rebootInstance(id, 'HARD')))),
    action('forceOff', (title, able) => confirm('forceOff', able, () => each(title, able, forceOffInstance)), { danger: true }),
    action('pause', (title, able) => void each(title, able, pauseInstance), { apart: true }),
    // Few instances ever wait for these: they are offered where one does.
    ...(hasOne('PAUSED') ? [action('unpause', (title, able) => void each(title, able, unpauseInstance))] : []),
    action('suspend', (title, able) => void each(title, able, suspendInstance)),
    ...(hasOne('SUSPENDED') ? [action('resume', (title, able) => void each(title, able, resumeInstance))] : []),
    action('shelve', (title, able) => confirm('shelve', able, () => each(title, able, shelveInstance))),
    ...(selected.some(isShelved) ? [action('unshelve', (title, able) => void each(title, able, unshelveInstance))] : []),
    action('rescue', (title, able) => confirm('rescue', able, () => each(title, able, rescueInstance))),
    ...(hasOne('RESCUE') ? [action('unrescue', (title, able) => void each(title, able, unrescueInstance))] : []),
    action('resize', () => setDialog('resize')),
    ...(hasOne('VERIFY_RESIZE') ? [action('confirmResize', (title, able) => void each(title, able, confirmResize))] : []),
    ...(hasOne('VERIFY_RESIZE') || hasOne('ERROR') ? [action('revertResize', (title, able) => void each(title, able, revertResize))] : []),
    action('createImage', () => setDialog('image'), { apart: true }),
    // A cloud's instance may have begun with a volume, which no image stands for.
    ...(one?.image === '' ? [] : [action('launchLike', () => one && void navigate(paths.launchLike(one.id)))]),
    action('rename', () => setDialog('rename')),
    action('rebuild', (_, able) => setRebuilt(able), { danger: true, apart: true }),
    action('delete', (title, able) => confirm('delete', able, () => each(title, able, deleteInstance).then(onDeleted)), { danger: true }),
  ]
  const dialogs = (
    <Suspense fallback={null}>
      {one && dialog === 'image' && <CreateImage instance={one} onClose={() => setDialog(null)} />}
      {one && dialog === 'rename' && <Rename instance={one} onClose={() => setDialog(null)} />}
      {one && dialog === 'resize' && <Resize instance={one} onClose={() => setDialog(null)} />}
      {rebuilt.length > 0 && <Rebuild instances={rebuilt} onClose={() => setRebuilt([])} />}
    </Suspense>
  )
  return { actions, dialogs }
}
