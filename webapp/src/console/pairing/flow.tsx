// Starting a pairing with what the service asks for before it: the password
// again when the sign-in is not fresh, and an approval on the phone that is
// there already.

import { useCallback } from 'react'
import type { PairingStart } from '../../shared/types'
import { api } from '../api'
import { useConfirm } from '../confirm/run'
import { hasCode } from '../errors'
import { useFresh } from '../shell/Reauth'

/** Resolves null when the person left one of the dialogs. */
export function useStartPairing(): () => Promise<PairingStart | null> {
  const confirm = useConfirm()
  const fresh = useFresh()
  return useCallback(async () => {
    try {
      return await fresh(() => api.pair())
    } catch (error) {
      if (!hasCode(error, 'confirmation_required')) throw error
    }
    const outcome = await confirm({ action: 'device.add' }, 'console.confirm.after_add', ({ id }) => api.pair(id))
    return outcome?.kind === 'done' ? outcome.value : null
  }, [confirm, fresh])
}
