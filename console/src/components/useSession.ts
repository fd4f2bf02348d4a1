import { useSuspenseQuery } from '@tanstack/react-query'
import { sessionQuery } from '../api/session'

/** Who is signed in. Only for what the shell shows, which waits for it. */
export const useSession = () => useSuspenseQuery(sessionQuery).data
