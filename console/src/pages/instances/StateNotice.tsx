import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Alert, Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { confirmResize, type Instance, isChanging, isHeld, isShelved, resumeInstance, revertResize, unpauseInstance, unrescueInstance, unshelveInstance } from '../../api/instances'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { Why } from '../../components/Why'
import { canDoOne } from '../../lib/can'

const ACTS = { confirmResize, revertResize, unpause: unpauseInstance, resume: resumeInstance, unrescue: unrescueInstance, unshelve: unshelveInstance } as const

/** An instance that waits for its owner, who has paused, suspended, rescued, shelved or resized it, and the buttons with which it goes on. */
export function StateNotice({ instance }: { instance: Instance }) {
  const { t } = useTranslation()
  const session = useSession()
  const fail = useFail()
  const queries = useQueryClient()
  const act = useMutation({
    mutationFn: (action: keyof typeof ACTS) => ACTS[action](instance.id),
    onError: (error, action) => fail(t(`instances.action.${action}`), error),
    onSettled: () => queries.invalidateQueries({ queryKey: ['instances'] }),
  })
  const button = (action: keyof typeof ACTS, word: string, isMain = false) => {
    const reason = canDoOne(action, instance, session)
    const isBusy = act.isPending && act.variables === action
    return (
      <Why reason={reason}>
        <Button size="small" type={isMain ? 'primary' : 'default'} disabled={reason !== null || (act.isPending && !isBusy)} loading={isBusy} onClick={() => act.mutate(action)}>{word}</Button>
      </Why>
    )
  }
  if (isChanging(instance)) return null
  const waits = (title: string, action: 'unpause' | 'resume' | 'unrescue' | 'unshelve') =>
    <Alert type="info" showIcon className="notice" title={title} description={<div className="waits-acts">{button(action, t(`instances.action.${action}`), true)}</div>} />
  if (isHeld(instance)) return waits(t('instance.held'), 'unpause')
  if (instance.status === 'SUSPENDED') return waits(t('instance.suspended'), 'resume')
  if (instance.status === 'RESCUE') return waits(t('instance.rescued'), 'unrescue')
  if (isShelved(instance)) return waits(t('instance.shelved'), 'unshelve')
  if (instance.status !== 'VERIFY_RESIZE') return null
  const acts = <div className="waits-acts">{button('confirmResize', t('resize.confirm'), true)}{button('revertResize', t('resize.revert'))}</div>
  // Nova goes back to the disk as it was before.
  const data = t(session.of_cloud ? 'resize.losesData' : 'resize.keepsData')
  return <Alert type="warning" showIcon className="notice" title={t('resize.unconfirmed', { flavor: instance.flavor.original_name })} description={<>{t('resize.unconfirmedWhat')} {data}{acts}</>} />
}
