// While a token is on screen: every three seconds, whether the session and the
// token still live. The value has to go within five seconds of either's end.

import { ApiError, isAbort } from '../../shared/api'
import type { Directory, TokenInfo } from '../../shared/types'

export type Loss =
  | { why: 'session' | 'forbidden' | 'expired' }
  | { why: 'revoked'; by?: string; at?: string }
  /** Somebody has made a new one, which may be viewed. */
  | { why: 'replaced'; by?: string; at?: string; until?: string }

/** The token on screen: by its id, or by its hint where no id is known. */
export interface Shown { id: string | null; hint: string }

export interface GuardDeps {
  session(signal: AbortSignal): Promise<unknown>
  directory(signal: AbortSignal): Promise<Pick<Directory, 'token' | 'tokens'>>
  every(run: () => void, ms: number): () => void
}

const everyMs = 3000

/** Watches until stopped or lost. `check` looks at once, e.g. when the tab comes to the front. */
export function guardToken(deps: GuardDeps, shown: Shown, lost: (loss: Loss) => void): { check(): void; stop(): void } {
  const stopped = new AbortController()
  let running = false
  const end = (loss: Loss) => {
    if (stopped.signal.aborted) return
    stop()
    lost(loss)
  }
  const check = () => {
    if (running || stopped.signal.aborted) return
    running = true
    const session = deps.session(stopped.signal).catch((error: unknown) => end401(error, end))
    const directory = deps.directory(stopped.signal).then(
      (directory) => {
        const loss = lossOf(directory, shown)
        if (loss) end(loss)
      },
      (error: unknown) => {
        end401(error, end)
        if (error instanceof ApiError && error.status === 403) end({ why: 'forbidden' })
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

const bare = (hint: string) => hint.replace(/^[….]+/, '')

/** Whether this is the token on screen. */
export const isShown = (one: TokenInfo, { id, hint }: Shown): boolean => (id ? one.id === id : bare(one.hint) === bare(hint))

/** What became of the token on screen; null while it is the one that counts. */
export function lossOf({ token, tokens }: Pick<Directory, 'token' | 'tokens'>, shown: Shown): Loss | null {
  const own = (one: TokenInfo) => isShown(one, shown)
  if (token && own(token)) return token.state === 'expired' ? { why: 'expired' } : null
  const was = tokens.find(own)
  const next = was && tokens.find((one) => one.replaces === was.id)
  if (was && next && token && was.state !== 'revoked') return { why: 'replaced', by: next.created_by ?? undefined, at: next.created_at, until: was.valid_until ?? undefined }
  if (was?.state === 'expired') return { why: 'expired' }
  return { why: 'revoked', by: was?.ended_by || undefined, at: was?.revoked_at }
}

function end401(error: unknown, end: (loss: Loss) => void): void {
  // No answer is no proof of an end: the line may be down, and the token is of no use to a stranger there.
  if (!isAbort(error) && error instanceof ApiError && error.status === 401) end({ why: 'session' })
}

/** The id in a confirmation's resource, `scim_token:<id>`. */
export function tokenIdOf(resource: string | null | undefined): string | null {
  const id = /^scim_token:(.+)$/.exec(resource ?? '')?.[1]
  return id && id !== 'new' ? id : null
}
