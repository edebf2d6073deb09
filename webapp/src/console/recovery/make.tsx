// Making recovery codes, with what the service asks for before: the password again, and an approval on the phone.

import { useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useCallback } from 'react'
import { api } from '../api'
import { useConfirm } from '../confirm/run'
import { hasCode } from '../errors'
import { keyOf, useSession } from '../session'
import { useFresh } from '../shell/Reauth'
import { useDialogs } from '../ui/dialogs'

const CodesDialog = lazy(async () => ({ default: (await import('./CodesDialog')).CodesDialog }))

/** Makes ten codes and shows them; false when the person left before there were any. */
export function useMakeCodes(): () => Promise<boolean> {
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  const confirm = useConfirm()
  const fresh = useFresh()
  return useCallback(async () => {
    const made = await make()
    if (!made) return false
    await dialogs.open<true>((close) => <Suspense fallback={null}><CodesDialog codes={made.codes} whose={`${session.person.name} · ${session.workspace.name}`} close={() => close(true)} /></Suspense>)
    await queries.invalidateQueries({ queryKey: keyOf(session) })
    return true

    async function make() {
      try {
        return await fresh(() => api.makeRecoveryCodes())
      } catch (error) {
        if (!hasCode(error, 'confirmation_required')) throw error
      }
      const outcome = await confirm({ action: 'recovery.codes' }, 'console.confirm.after_codes', ({ id }) => api.makeRecoveryCodes(id))
      return outcome?.kind === 'done' ? outcome.value : null
    }
  }, [confirm, dialogs, fresh, queries, session])
}
