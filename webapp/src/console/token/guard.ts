// While a token is on screen: every three seconds, whether the session and the
// token still live. The value has to go within five seconds of either's end.

import { ApiError, isAbort } from '../../shared/api'
import type { Directory } from '../../shared/types'

export type Loss = 'session' | 'revoked' | 'forbidden'

export interface GuardDeps {
  session(signal: AbortSignal): Promise<unknown>
  directory(signal: AbortSignal): Promise<Pick<Directory, 'token'>>
  every(run: () => void, ms: number): () => void
}

const everyMs = 3000

/** Watches until stopped or lost. `check` looks at once, e.g. when the tab comes to the front. */
export function guardToken(deps: GuardDeps, tokenId: string | null, lost: (why: Loss) => void): { check(): void; stop(): void } {
  const stopped = new AbortController()
  let running = false
  const end = (why: Loss) => {
    if (stopped.signal.aborted) return
    stop()
    lost(why)
  }
  const check = () => {
    if (running || stopped.signal.aborted) return
    running = true
    const session = deps.session(stopped.signal).catch((error: unknown) => end401(error, end))
    const directory = deps.directory(stopped.signal).then(
      ({ token }) => { if (!token || (tokenId !== null && token.id !== tokenId)) end('revoked') },
      (error: unknown) => {
        end401(error, end)
        if (error instanceof ApiError && error.status === 403) end('forbidden')
      },
    )
    void Promise.all([session, directory]).finally(() => { running = false })
  }
  const clear = deps.every(check, everyMs)
  const stop = () => {
    clear()
    stopped.abort()
  }
  return { check, stop }
}

function end401(error: unknown, end: (why: Loss) => void): void {
  // No answer is no proof of an end: the line may be down, and the token is of no use to a stranger there.
  if (!isAbort(error) && error instanceof ApiError && error.status === 401) end('session')
}

/** The id in a confirmation's resource, `scim_token:<id>`. */
export function tokenIdOf(resource: string | null | undefined): string | null {
  const id = /^scim_token:(.+)$/.exec(resource ?? '')?.[1]
  return id && id !== 'new' ? id : null
}
