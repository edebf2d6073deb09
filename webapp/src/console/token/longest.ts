// How long a new token may live in this workspace.

import { useQuery } from '@tanstack/react-query'
import { api } from '../api'
import { keyOf, useSession } from '../session'

/** Days, or 0 where there is no limit, or none is known: the service has the last word. */
export function useLongestLife(): number {
  const session = useSession()
  const { data } = useQuery({ queryKey: keyOf(session, 'policy'), queryFn: api.policy, staleTime: 30_000 })
  return data?.max_token_days ?? 0
}
