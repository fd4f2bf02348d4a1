import { useTranslation } from 'react-i18next'
import { type Image, isBeingMade } from '../api/images'
import { type Instance, isChanging } from '../api/instances'

const COLOURS = {
  good: 'var(--ant-color-success)', still: '#8b95a1', moving: 'var(--ant-color-warning)', bad: 'var(--ant-color-error)',
}

function Badge({ mood, isMoving, children }: { mood: keyof typeof COLOURS; isMoving?: boolean; children: string }) {
  return (
    <span className={isMoving ? 'status moving' : 'status'} style={{ ['--dot' as string]: COLOURS[mood] }}>
      <i aria-hidden />
      <span>{children}</span>
    </span>
  )
}

const TASKS = {
  'powering-off': 'shuttingDown', 'powering-on': 'starting', deleting: 'deleting', rebooting: 'rebooting',
  reboot_pending: 'rebooting', reboot_started: 'rebooting', rebooting_hard: 'rebooting', image_snapshot: 'imaging',
  image_snapshot_pending: 'imaging', image_uploading: 'imaging', image_pending_upload: 'imaging', spawning: 'building',
  scheduling: 'building',
} as const

/** Where an instance is in its life, and what is being done to it. */
export function InstanceStatusBadge({ instance }: { instance: Instance }) {
  const { t } = useTranslation()
  const task = instance['OS-EXT-STS:task_state']
  if (task !== null || isChanging(instance)) {
    const word = task && task in TASKS ? TASKS[task as keyof typeof TASKS] : 'building'
    return <Badge mood="moving" isMoving>{t(`status.${word}`)}</Badge>
  }
  switch (instance.status) {
    case 'ACTIVE':
      return <Badge mood="good">{t('status.running')}</Badge>
    case 'SHUTOFF':
      return <Badge mood="still">{t('status.stopped')}</Badge>
    case 'ERROR':
      return <Badge mood="bad">{t('status.error')}</Badge>
    default:
      return <Badge mood="moving" isMoving>{instance.status}</Badge>
  }
}

/** How far an image is. */
export function ImageStatusBadge({ image }: { image: Image }) {
  const { t } = useTranslation()
  if (isBeingMade(image)) {
    const progress = image.effigy.progress
    const word = t(`status.${image.status as 'saving' | 'uploading' | 'importing'}`)
    return <Badge mood="moving" isMoving>{progress === null ? word : `${word} ${progress} %`}</Badge>
  }
  switch (image.status) {
    case 'active':
      return <Badge mood="good">{t('status.ready')}</Badge>
    case 'deactivated':
      return <Badge mood="bad">{t('status.deactivated')}</Badge>
    default:
      return image.effigy.reason ? <Badge mood="bad">{t('status.notMade')}</Badge> : <Badge mood="still">{t('status.queued')}</Badge>
  }
}
