import { useQuery } from '@tanstack/react-query'
import { type Store, storesQuery } from '../api/stores'
import { useSession } from './useSession'

const NONE: Store[] = []

/** The stores to choose from; none where the deployment has but one, which nobody needs to know of. */
export function useStores(): Store[] {
  const hasSeveral = useSession().stores > 1
  return useQuery({ ...storesQuery, enabled: hasSeveral }).data ?? NONE
}
