// What can be done with tokens: each asks the phone, makes the one call, and reads the state anew.

import { useQueryClient } from '@tanstack/react-query'
import { useCallback } from 'react'
import type { Directory } from '../../shared/types'
import { api } from '../api'
import { useConfirm } from '../confirm/run'
import type { Key } from '../i18n'
import { usePairing } from '../pairing/open'
import { keyOf, useSession } from '../session'
import { useDialogs } from '../ui/dialogs'
import { tokenIdOf } from './guard'
import { renewalParams, type Renewal } from './life'
import { Secret } from './secret'
import { ShowToken, type RevealedInfo } from './ShowToken'

interface Handed { secret: Secret; info: RevealedInfo; confirmationId: string; tokenId: string | null }

function useRefresh() {
  const session = useSession()
  const queries = useQueryClient()
  return useCallback(() => Promise.all([
    queries.invalidateQueries({ queryKey: keyOf(session, 'directory') }),
    queries.invalidateQueries({ queryKey: keyOf(session, 'token') }),
  ]), [queries, session])
}

/** Confirms an action on a token and makes its call. True when it was done. */
export function useTokenAction() {
  const confirm = useConfirm()
  const pair = usePairing()
  const refresh = useRefresh()
  return useCallback(async (action: string, token: string, params: unknown, after: Key, call: (confirmation: string) => Promise<void>): Promise<boolean> => {
    const question = { action, resource: `scim_token:${token}`, ...(params !== undefined && { params }) }
    const outcome = await confirm(question, after, async ({ id }) => { await call(id); return true })
    if (outcome?.kind === 'no_device') await pair()
    await refresh()
    return outcome?.kind === 'done'
  }, [confirm, pair, refresh])
}

/** Shows what a confirmation has handed out, and forgets it when the dialog closes; `again` when a newer token is to be viewed. */
function useShow() {
  const dialogs = useDialogs()
  return async (directory: Pick<Directory, 'token' | 'idp'>, handed: Handed, renewed: boolean) => {
    const { secret, ...rest } = handed
    const { token } = directory
    const how = await dialogs.open<'again'>((close) => (
      <ShowToken {...rest} secret={secret} by={renewed ? null : token?.created_by} lastUsedAt={renewed ? null : token?.last_used_at} renewed={renewed}
        client={directory.idp.name ?? ''} close={close} />
    ))
    secret.wipe()
    return how
  }
}

async function reveal(id: string, tokenId: string | null): Promise<Handed> {
  const { token, ...info } = await api.reveal(id)
  return { secret: new Secret(token), info, confirmationId: id, tokenId }
}

/** Confirms, shows, and does so again for a token that somebody has made meanwhile. */
function useView() {
  const confirm = useConfirm()
  const pair = usePairing()
  const show = useShow()
  return async (directory: Directory) => {
    for (let now = directory; ;) {
      const outcome = await confirm<Handed>({ action: 'scim.token.reveal' }, 'console.confirm.after_reveal', ({ id, resource }) => reveal(id, tokenIdOf(resource)))
      if (outcome?.kind === 'no_device') await pair()
      if (outcome?.kind !== 'done' || (await show(now, outcome.value, false)) !== 'again') return
      now = await api.directory().catch(() => ({ ...now, token: null }))
    }
  }
}

/** View Token: confirm on the phone, then show. */
export function useViewToken(directory: Directory): () => Promise<void> {
  const refresh = useRefresh()
  const view = useView()
  return async () => {
    await view(directory)
    void refresh()
  }
}

/** Regenerates: confirm on the phone, always with the code, then show the new one. */
export function useRegenerate(directory: Directory): (renewal: Renewal) => Promise<void> {
  const confirm = useConfirm()
  const pair = usePairing()
  const refresh = useRefresh()
  const show = useShow()
  const view = useView()
  return async (renewal) => {
    const question = { action: 'scim.token.regenerate', params: renewalParams(renewal) }
    const outcome = await confirm<Handed>(question, 'console.confirm.after_regenerate', ({ id }) => reveal(id, null))
    if (outcome?.kind === 'no_device') await pair()
    void refresh()
    if (outcome?.kind === 'done' && (await show(directory, outcome.value, true)) === 'again') await view(await api.directory().catch(() => directory))
    void refresh()
  }
}
