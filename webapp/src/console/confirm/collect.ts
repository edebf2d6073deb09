// Collecting what was confirmed. The service hands it out once; when its answer
// is lost on the way, the row says whether that happened, and only a row that is
// still approved is asked again.

import { ApiError } from '../../shared/api'
import { isTransient, retryDelay } from '../../shared/retry'
import type { Confirmation } from '../../shared/types'

export type Collected<T> =
  | { kind: 'ok'; value: T }
  | { kind: 'lost' } // handed out, but not to us as far as we can see
  | { kind: 'expired' } // the time to collect is over
  | { kind: 'stopped' } // the caller gave up
  | { kind: 'error'; error: unknown }

export interface CollectDeps<T> {
  /** The one call that consumes the confirmation. */
  consume(): Promise<T>
  get(): Promise<Confirmation>
  sleep(ms: number): Promise<void>
  random(): number
  /** Told while no answer comes (true) and when one did (false). */
  reconnecting(lost: boolean): void
  signal: AbortSignal
}

/** A fault of the service itself may have struck before or after its commit; it is asked this often. */
const maxServerFaults = 3

export async function collect<T>(deps: CollectDeps<T>): Promise<Collected<T>> {
  let serverFaults = 0
  for (let n = 0; !deps.signal.aborted; n++) {
    let wait: number
    try {
      return { kind: 'ok', value: await deps.consume() }
    } catch (error) {
      const known = outcomeOf<T>(error)
      if (known) return known
      if (!isTransient(error) && ++serverFaults >= maxServerFaults) return { kind: 'error', error }
      wait = retryDelay(error, n, deps.random)
    }
    const state = await look(deps)
    if (typeof state !== 'string') return state
    if (state === 'consumed') return { kind: 'lost' }
    if (state !== 'approved') return { kind: 'expired' }
    await deps.sleep(wait)
  }
  return { kind: 'stopped' }
}

/** What an answer means that leaves nothing to find out. */
function outcomeOf<T>(error: unknown): Collected<T> | null {
  if (isTransient(error)) return null
  if (!(error instanceof ApiError)) return { kind: 'error', error }
  if (error.code === 'already_collected') return { kind: 'lost' }
  if (error.code === 'collect_expired' || error.code === 'confirmation_expired') return { kind: 'expired' }
  if (error.code === 'not_approved' || error.status >= 500) return null
  return { kind: 'error', error }
}

/** Reads the row, however long the line is down. */
async function look<T>(deps: CollectDeps<T>): Promise<Confirmation['state'] | Collected<T>> {
  for (let n = 0; !deps.signal.aborted; n++) {
    try {
      const { state } = await deps.get()
      deps.reconnecting(false)
      return state
    } catch (error) {
      if (!isTransient(error)) return { kind: 'error', error }
      deps.reconnecting(true)
      await deps.sleep(retryDelay(error, n, deps.random))
    }
  }
  return { kind: 'stopped' }
}
