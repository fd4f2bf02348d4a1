import { useTranslation } from 'react-i18next'
import { type Image, isBeingMade } from '../api/images'
import { type Instance, isChanging, isHeld } from '../api/instances'
import { type Mood, outcomeOf } from '../lib/verdict'

const COLOURS: Record<Mood, string> = {
  good: 'var(--ant-color-success)', still: '#8b95a1', moving: 'var(--ant-color-warning)', warn: 'var(--ant-color-warning)', bad: 'var(--ant-color-error)',
}

/** A coloured dot and a word: never the colour alone. */
export function StatusMark({ mood, children }: { mood: Mood; children: string }) {
  return (
    <span className={mood === 'moving' ? 'status moving' : 'status'} style={{ ['--dot' as string]: COLOURS[mood] }}>
      <i aria-hidden />
      <span>{children}</span>
    </span>
  )
}

const TASKS = {
  'powering-off': 'shuttingDown', 'powering-on': 'starting', deleting: 'deleting', rebooting: 'rebooting',
  reboot_pending: 'rebooting', reboot_started: 'rebooting', rebooting_hard: 'rebooting', image_snapshot: 'imaging',
  image_snapshot_pending: 'imaging', image_uploading: 'imaging', image_pending_upload: 'imaging', spawning: 'building',
  scheduling: 'building', pausing: 'pausing', unpausing: 'resuming', resize_prep: 'resizing', resize_migrating: 'resizing', resize_migrated: 'resizing',
  resize_finish: 'resizing', resize_confirming: 'confirming', resize_reverting: 'reverting', rebuilding: 'rebuilding',
  rebuild_block_device_mapping: 'rebuilding', rebuild_spawning: 'rebuilding', suspending: 'suspending', resuming: 'resuming',
  rescuing: 'rescuing', unrescuing: 'unrescuing', shelving: 'shelving', shelving_image_pending_upload: 'shelving',
  shelving_image_uploading: 'shelving', shelving_offloading: 'shelving', unshelving: 'unshelving',
} as const
/** The same between two tasks. */
const CHANGES = {
  REBOOT: 'rebooting', HARD_REBOOT: 'rebooting', RESIZE: 'resizing', REVERT_RESIZE: 'reverting', REBUILD: 'rebuilding',
} as const

function wordOf({ status, 'OS-EXT-STS:task_state': task }: Instance) {
  if (task && task in TASKS) return TASKS[task as keyof typeof TASKS]
  return status in CHANGES ? CHANGES[status as keyof typeof CHANGES] : 'building'
}

/** Where an instance is in its life, and what is being done to it. */
export function InstanceStatusBadge({ instance }: { instance: Instance }) {
  const { t } = useTranslation()
  if (isChanging(instance)) return <StatusMark mood="moving">{t(`status.${wordOf(instance)}`)}</StatusMark>
  switch (instance.status) {
    case 'ACTIVE':
      return <StatusMark mood="good">{t('status.running')}</StatusMark>
    case 'PAUSED':
      return isHeld(instance) ? <StatusMark mood="still">{t('status.paused')}</StatusMark> : <StatusMark mood="bad">{t('status.noRoom')}</StatusMark>
    case 'SUSPENDED':
      return <StatusMark mood="still">{t('status.suspended')}</StatusMark>
    case 'SHELVED':
    case 'SHELVED_OFFLOADED':
      return <StatusMark mood="still">{t('status.shelved')}</StatusMark>
    case 'RESCUE':
      return <StatusMark mood="warn">{t('status.rescued')}</StatusMark>
    case 'VERIFY_RESIZE':
      return <StatusMark mood="warn">{t('status.unconfirmed')}</StatusMark>
    case 'SHUTOFF':
      // One that has a fault went off though nobody asked for that.
      return instance.fault ? <StatusMark mood="warn">{t('status.crashed')}</StatusMark> : <StatusMark mood="still">{t('status.stopped')}</StatusMark>
    case 'ERROR':
      return <StatusMark mood="bad">{t('status.error')}</StatusMark>
    default:
      return <StatusMark mood="moving">{instance.status}</StatusMark>
  }
}

/** How far an image is. */
export function ImageStatusBadge({ image }: { image: Image }) {
  const { t } = useTranslation()
  if (isBeingMade(image)) {
    const progress = image.effigy.progress
    const word = t(`status.${image.status as 'saving' | 'uploading' | 'importing'}`)
    return <StatusMark mood="moving">{progress === null ? word : `${word} ${progress} %`}</StatusMark>
  }
  switch (image.status) {
    case 'active':
      return <StatusMark mood="good">{t('status.ready')}</StatusMark>
    case 'deactivated':
      return <StatusMark mood="warn">{t('status.deactivated')}</StatusMark>
    default:
      return image.effigy.reason ? <StatusMark mood="bad">{t('status.notMade')}</StatusMark> : <StatusMark mood="still">{t('status.queued')}</StatusMark>
  }
}

/** The outcome of an image’s verification, in a word. */
export function VerdictBadge({ image }: { image: Image }) {
  const { t } = useTranslation()
  const { word, mood, count } = outcomeOf(image)
  return <StatusMark mood={mood}>{t(`verdict.${word}`, { count })}</StatusMark>
}
