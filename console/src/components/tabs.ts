// The session is the browser's, so each tab must hear when another changes it.
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('effigy.session') : undefined

export const tellOtherTabs = () => channel?.postMessage('changed')

export function listenToOtherTabs(changed: () => void): () => void {
  channel?.addEventListener('message', changed)
  return () => channel?.removeEventListener('message', changed)
}
