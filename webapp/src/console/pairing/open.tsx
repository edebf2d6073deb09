// Opens "Pair your phone"; the dialog's code is loaded then.

import { useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useCallback } from 'react'
import { keyOf, useSession } from '../session'
import { useDialogs } from '../ui/dialogs'

const load = () => import('./PairDialog')
const PairDialog = lazy(async () => ({ default: (await load()).PairDialog }))

/** Resolves when the dialog is closed, with true once a phone was paired. */
export function usePairing(): () => Promise<boolean> {
  const dialogs = useDialogs()
  const session = useSession()
  const queries = useQueryClient()
  return useCallback(async () => {
    const paired = await dialogs.open<true>((close) => (
      <Suspense fallback={null}><PairDialog companionUrl={session.companion_url} close={close} /></Suspense>
    ))
    await queries.invalidateQueries({ queryKey: keyOf(session) })
    return paired === true
  }, [dialogs, session, queries])
}
