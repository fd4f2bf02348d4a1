import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { deleteInstance, forceOffInstance, type Instance, rebootInstance, startInstance, stopInstance } from '../../api/instances'
import type { Action } from '../../components/ActionsMenu'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { canDo, type InstanceAction } from '../../lib/can'
import { CreateImage } from './CreateImage'
import { Rename } from './Rename'

/** The *Additional functions* of the selected instances, and the dialogs that they open. */
export function useInstanceActions(selected: Instance[], onDeleted?: () => void) {
  const { t } = useTranslation()
  const session = useSession()
  const fail = useFail()
  const queries = useQueryClient()
  const { modal } = App.useApp()
  const [dialog, setDialog] = useState<'image' | 'rename' | null>(null)
  const [one] = selected

  const each = async (act: (id: string) => Promise<unknown>, title: string) => {
    const outcomes = await Promise.allSettled(selected.map(({ id }) => act(id)))
    outcomes.forEach((outcome, n) => {
      if (outcome.status === 'rejected') fail(`${title}: ${selected[n]?.name ?? ''}`, outcome.reason)
    })
    await queries.invalidateQueries({ queryKey: ['instances'] })
  }
  const names = selected.map(({ name }) => name).join(', ')
  const confirmDelete = () =>
    modal.confirm({
      title: t('instances.delete.title', { count: selected.length }),
      content: <>{t('instances.delete.what', { names })}</>,
      okText: t('instances.delete.submit'),
      okButtonProps: { danger: true },
      onOk: async () => {
        await each(deleteInstance, t('instances.delete.submit'))
        onDeleted?.()
      },
    })

  const confirmForceOff = () =>
    modal.confirm({
      title: t('instances.forceOff.title', { count: selected.length }),
      content: <>{t('instances.forceOff.what', { names })}</>,
      okText: t('instances.action.forceOff'),
      okButtonProps: { danger: true },
      onOk: () => each(forceOffInstance, t('instances.action.forceOff')),
    })

  const action = (key: InstanceAction, run: () => void, more?: Partial<Action>): Action => ({
    key, label: t(`instances.action.${key}`), reason: canDo(key, selected, session), run, ...more,
  })
  const actions = [
    action('start', () => void each(startInstance, t('instances.action.start'))),
    action('stop', () => void each(stopInstance, t('instances.action.stop'))),
    action('reboot', () => void each((id) => rebootInstance(id, 'SOFT'), t('instances.action.reboot'))),
    action('hardReboot', () => void each((id) => rebootInstance(id, 'HARD'), t('instances.action.hardReboot'))),
    action('forceOff', confirmForceOff, { danger: true }),
    action('createImage', () => setDialog('image'), { apart: true }),
    action('rename', () => setDialog('rename')),
    action('delete', confirmDelete, { danger: true, apart: true }),
  ]
  const dialogs = one && (
    <>
      {dialog === 'image' && <CreateImage instance={one} onClose={() => setDialog(null)} />}
      {dialog === 'rename' && <Rename instance={one} onClose={() => setDialog(null)} />}
    </>
  )
  return { actions, dialogs }
}
