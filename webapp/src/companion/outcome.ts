// What the server's refusals mean for the person who looks at a request.
import { Offline, Problem } from './api'

/** Ending is why a request on the screen is over. */
export type Ending = 'approved' | 'half' | 'denied' | 'too_many' | 'network' | 'expired' | 'cancelled' | 'superseded' | 'elsewhere_approved' | 'elsewhere_denied' | 'gone'

/** Outcome is what to do after a call about one request failed. */
export type Outcome =
  | { kind: 'ended'; why: Ending }
  | { kind: 'wrong_code'; left: number }
  | { kind: 'limited'; until: number } // Unix milliseconds
  | { kind: 'offline' }
  | { kind: 'removed' }
  | { kind: 'failed'; code: string }

const closed: Record<string, Ending> = {
  approved: 'elsewhere_approved', consumed: 'elsewhere_approved', denied: 'elsewhere_denied',
  expired: 'expired', cancelled: 'cancelled', pending: 'half',
}

/** ended tells a closed state apart; reasons are only told by some replies. */
export function ended(state: unknown, reason?: unknown): Ending {
  if (reason === 'superseded') return 'superseded'
  if (reason === 'too_many_attempts') return 'too_many'
  if (reason === 'network_mismatch') return 'network'
  return closed[String(state)] ?? 'gone'
}

/** outcome maps an error of a call to what the screen says (wire.md §4). */
export function outcome(e: unknown, now: number): Outcome {
  if (e instanceof Offline) return { kind: 'offline' }
  if (!(e instanceof Problem)) return { kind: 'failed', code: 'unexpected' }
  switch (e.code) {
    case 'unauthorized': return { kind: 'removed' }
    case 'not_found': return { kind: 'ended', why: 'gone' }
    case 'confirmation_expired': return { kind: 'ended', why: 'expired' }
    case 'already_answered': return { kind: 'ended', why: ended(e.fields['state'], e.fields['reason']) }
    case 'wrong_code': {
      const left = Number(e.fields['tries_left']) || 0
      return left > 0 ? { kind: 'wrong_code', left } : { kind: 'ended', why: 'too_many' }
    }
    case 'locked':
    case 'rate_limited': return { kind: 'limited', until: now + Math.max(1, e.retryAfter) * 1000 }
  }
  return { kind: 'failed', code: e.code }
}
