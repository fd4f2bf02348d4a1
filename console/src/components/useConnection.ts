import { useSyncExternalStore } from 'react'
import { connectionLostSince, onConnection } from '../api/connection'

/** When the service answered last, in milliseconds; nothing while it answers. */
export const useConnectionLost = () => useSyncExternalStore(onConnection, connectionLostSince)
