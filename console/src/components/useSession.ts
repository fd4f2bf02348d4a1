import { useSuspenseQuery } from '@tanstack/react-query'
import { sessionQuery } from '../api/session'

/** The session of the person who is signed in. Only for components in the shell, which waits for it. */
export const useSession = () => useSuspenseQuery(sessionQuery).data
