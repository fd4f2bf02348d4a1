// Which action is possible in which state, and the reason when it is not. The service decides; this only spares a
// person the click that it would refuse.
import type { Channel } from '../api/channels'
import { type Image, isBeingCopied } from '../api/images'
import { type Instance, isChanging, isHeld, isShelved } from '../api/instances'
import type { Session } from '../api/session'
import { namesIn, type Store, takesNew } from '../api/stores'

export type InstanceAction =
  | 'start' | 'stop' | 'forceOff' | 'reboot' | 'hardReboot' | 'pause' | 'unpause' | 'suspend' | 'resume' | 'rescue' | 'unrescue' | 'shelve' | 'unshelve' | 'resize' | 'confirmResize' | 'revertResize' | 'rebuild'
  | 'createImage' | 'launchLike' | 'rename' | 'delete'
export type ImageAction = 'launch' | 'share' | 'edit' | 'protect' | 'unprotect' | 'publish' | 'deactivate' | 'reactivate' | 'unpublish' | 'download' | 'delete' | 'upload' | 'leave' | 'promote'

/** Why not: a key of the messages; `null` when it is possible. */
export type Reason =
  | 'nothingSelected' | 'oneOnly' | 'readerOnly' | 'busy' | 'notStopped' | 'notRunning' | 'failed' | 'paused' | 'held' | 'notPaused' | 'unconfirmed' | 'suspended' | 'rescued' | 'shelved' | 'waitsForNothing' | 'notResized' | 'ofVolume' | 'notYours'
  | 'notReady' | 'isProtected' | 'notProtected' | 'sharingOff' | 'publicNotShared' | 'isPublic' | 'deactivated' | 'notActive' | 'noFile' | 'adminOnly'
  | 'notSharedHere' | 'noImageChosen' | 'noFlavorChosen' | 'isNotPublic' | 'noInstances' | 'notInCloud' | 'everyStore' | 'lastStore' | 'storeGone' | 'isCurrent'
  | null

/** Whether the person may do more here than look. */
export const canChange = (session: Session) => session.is_admin || session.roles.includes('member')

/** Why not for an instance that does not run, in the words for where it is. */
function whyResting(instance: Instance): Reason {
  switch (instance.status) {
    case 'ERROR':
      return 'failed'
    case 'PAUSED':
      return isHeld(instance) ? 'held' : 'paused'
    case 'VERIFY_RESIZE':
      return 'unconfirmed'
    case 'SUSPENDED':
      return 'suspended'
    case 'RESCUE':
      return 'rescued'
    case 'SHELVED':
    case 'SHELVED_OFFLOADED':
      return 'shelved'
    default:
      return 'notRunning'
  }
}

/** Whether the instance action is possible for one instance. */
export function canDoOne(action: InstanceAction, instance: Instance, session: Session): Reason {
  if (!canChange(session)) return 'readerOnly'
  if (action === 'forceOff' && session.of_cloud) return 'notInCloud'
  const { status } = instance
  if (action === 'rename' || action === 'launchLike') return null
  if (action === 'delete') return instance['OS-EXT-STS:task_state'] === 'deleting' ? 'busy' : null
  if (action === 'forceOff' && instance['OS-EXT-STS:task_state'] === 'powering-off') return null
  if (isChanging(instance)) return 'busy'
  const isOneOf = (...statuses: Instance['status'][]) => (statuses.includes(status) ? null : whyResting(instance))
  switch (action) {
    case 'start': {
      const why = isOneOf('SHUTOFF')
      return why === 'notRunning' ? 'notStopped' : why
    }
    case 'stop':
    case 'reboot':
    case 'pause':
    case 'suspend':
      return isOneOf('ACTIVE')
    case 'resume':
      return status === 'SUSPENDED' ? null : 'waitsForNothing'
    case 'rescue':
      return isOneOf('ACTIVE', 'SHUTOFF', 'ERROR')
    case 'unrescue':
      // One whose rescue system did not come up goes back, too; only the service knows.
      return status === 'RESCUE' || (status === 'ERROR' && !session.of_cloud) ? null : 'waitsForNothing'
    case 'shelve':
      return isHeld(instance) ? null : isOneOf('ACTIVE', 'SHUTOFF')
    case 'unshelve':
      return isShelved(instance) ? null : 'waitsForNothing'
    case 'unpause':
      // One that is paused for want of room goes on by itself.
      return status !== 'PAUSED' ? 'notPaused' : isHeld(instance) ? null : 'paused'
    case 'forceOff':
      return isOneOf('ACTIVE', 'PAUSED', 'ERROR')
    case 'hardReboot':
      return isOneOf('ACTIVE', 'PAUSED', 'ERROR', 'SUSPENDED')
    case 'resize':
      return isOneOf('ACTIVE', 'SHUTOFF')
    case 'confirmResize':
      return status === 'VERIFY_RESIZE' ? null : 'notResized'
    case 'revertResize':
      // One that did not come up with the new flavor goes back, too. Only the service knows whether it was resized; a
      // cloud's Nova takes none in error.
      return status === 'VERIFY_RESIZE' || (status === 'ERROR' && !session.of_cloud) ? null : 'notResized'
    case 'rebuild':
      // A cloud's instance may have begun with a volume, which stays as it is.
      return instance.image === '' ? 'ofVolume' : isOneOf('ACTIVE', 'SHUTOFF', 'ERROR')
    case 'createImage':
      // From a running one too: the dialog says to shut it down first, and offers to.
      return isOneOf('ACTIVE', 'SHUTOFF')
  }
}

const ALONE: InstanceAction[] = ['resize', 'createImage', 'launchLike', 'rename']

/** Those of a selection that an action is possible for, and the reason when it is for none. */
export interface Able<T> {
  able: T[]
  reason: Reason
}

/** An action takes those it can: a selection is seldom all alike. */
function ableOf<T>(selected: T[], isAlone: boolean, why: (one: T) => Reason): Able<T> {
  if (selected.length === 0) return { able: [], reason: 'nothingSelected' }
  if (selected.length > 1 && isAlone) return { able: [], reason: 'oneOnly' }
  const able = selected.filter((one) => why(one) === null)
  const [first] = selected
  return { able, reason: able.length === 0 && first ? why(first) : null }
}

/** The selected instances that the action is possible for. */
export const ableInstances = (action: InstanceAction, selected: Instance[], session: Session): Able<Instance> =>
  ableOf(selected, ALONE.includes(action), (one) => canDoOne(action, one, session))

/** Whether the person may release in a channel, and change it. */
export function canRelease({ project_id: owner, current }: Channel, session: Session): Reason {
  if (!canChange(session)) return 'readerOnly'
  if (!session.is_admin && owner !== session.project?.id) return 'notYours'
  return current.visibility === 'public' && !session.is_admin ? 'adminOnly' : null
}

const isOwn = (image: Image, session: Session) => session.is_admin || image.owner === session.project?.id

/** Whether the image action is possible for one image. */
export function canWithImage(action: ImageAction, image: Image, session: Session): Reason {
  if (!canChange(session)) return 'readerOnly'
  switch (action) {
    case 'launch':
    case 'download':
      if (action === 'launch' && !session.runs_instances) return 'noInstances'
      if (image.status === 'deactivated') return session.is_admin ? null : 'deactivated'
      if (image.status !== 'active') return 'notReady'
      return action === 'launch' && !image.effigy.has_disk ? 'noFile' : null
    case 'share':
      if (session.sharing === 'off') return 'sharingOff'
      if (!isOwn(image, session)) return 'notYours'
      if (image.status !== 'active' && image.status !== 'deactivated') return 'notReady'
      return image.visibility === 'public' || image.visibility === 'community' ? 'publicNotShared' : null
    case 'promote':
      return !isOwn(image, session) ? 'notYours' : image.status !== 'active' ? 'notReady' : image.visibility === 'public' && !session.is_admin ? 'adminOnly' : image.effigy.channel !== null && !image.os_hidden ? 'isCurrent' : null
    case 'edit':
      return isOwn(image, session) ? null : 'notYours'
    case 'protect':
      return !isOwn(image, session) ? 'notYours' : image.protected ? 'isProtected' : null
    case 'unprotect':
      return !isOwn(image, session) ? 'notYours' : image.protected ? null : 'notProtected'
    case 'publish':
      if (!session.is_admin) return 'adminOnly'
      // One that is held back can still be let through, for a reason.
      return image.visibility === 'public' && !image.os_effigy_public ? 'isPublic' : image.status === 'active' ? null : 'notReady'
    case 'unpublish':
      return !isOwn(image, session) ? 'notYours' : image.visibility === 'public' ? null : 'isNotPublic'
    case 'deactivate':
      return !isOwn(image, session) ? 'notYours' : image.status === 'active' ? null : 'notReady'
    case 'reactivate':
      return !isOwn(image, session) ? 'notYours' : image.status === 'deactivated' ? null : 'notActive'
    case 'upload':
      return !isOwn(image, session) ? 'notYours' : image.status === 'queued' || image.status === 'uploading' ? null : 'notReady'
    case 'leave':
      return image.owner === session.project?.id || image.visibility !== 'shared' ? 'notSharedHere' : null
    case 'delete':
      return !isOwn(image, session) ? 'notYours' : image.protected ? 'isProtected' : image.effigy.channel !== null && !image.os_hidden ? 'isCurrent' : null
  }
}

const IMAGES_ALONE: ImageAction[] = ['launch', 'promote', 'edit', 'download', 'share', 'upload']

/** The selected images that the action is possible for. */
export const ableImages = (action: ImageAction, selected: Image[], session: Session): Able<Image> =>
  ableOf(selected, IMAGES_ALONE.includes(action), (one) => canWithImage(action, one, session))

/** The stores that the image can still be copied to. */
export const storesWithout = (image: Image, stores: Store[]) => stores.filter((store) => takesNew(store) && !namesIn(image.stores).includes(store.id))

/** Whether the image can be copied to a further one of these stores. */
export function canCopy(image: Image, stores: Store[], session: Session): Reason {
  if (!session.is_admin) return 'adminOnly'
  if (image.status !== 'active') return image.status === 'deactivated' ? 'deactivated' : 'notReady'
  if (isBeingCopied(image)) return 'busy'
  return storesWithout(image, stores).length === 0 ? 'everyStore' : null
}

/** Whether the image can be removed from this one of its stores. */
export function canRemoveFrom(store: string, image: Image, stores: Store[], session: Session): Reason {
  const reason = canWithImage('edit', image, session)
  if (reason !== null) return reason
  if (image.status !== 'active') return image.status === 'deactivated' ? 'deactivated' : 'notReady'
  if (!stores.some(({ id }) => id === store)) return 'storeGone'
  return namesIn(image.stores).length < 2 ? 'lastStore' : null
}
