// What the screens say about the life of a token: pure, so that every state can be tested.

import { relative } from '../../shared/format'
import type { Directory, Overlap, Refused, TokenInfo } from '../../shared/types'
import type { Key } from '../i18n'

const minute = 60
const hour = 60 * minute
const day = 24 * hour

/** How long the old token may live on, in seconds; the first is what is chosen unless somebody says otherwise. */
export const overlaps: readonly { seconds: number; word: Key }[] = [
  { seconds: day, word: 'console.regen.overlap_day' },
  { seconds: 0, word: 'console.regen.overlap_none' },
  { seconds: hour, word: 'console.regen.overlap_hour' },
  { seconds: 6 * hour, word: 'console.regen.overlap_hours' },
  { seconds: 7 * day, word: 'console.regen.overlap_week' },
]

/** The reasons, as the service's audit and the phone have them: in English, whatever the console speaks. */
export const reasons: readonly { value: string; word: Key }[] = [
  { value: 'Security', word: 'console.regen.security' },
  { value: 'Token expiration compliance', word: 'console.regen.compliance' },
  { value: 'Audit standards', word: 'console.regen.audit' },
  { value: 'IdP configuration change', word: 'console.regen.idp' },
]

/** After how many days a token expires; 0 is never. */
export const lifetimes: readonly { days: number; word: Key }[] = [
  { days: 0, word: 'console.regen.never' },
  { days: 90, word: 'console.regen.days_90' },
  { days: 180, word: 'console.regen.days_180' },
  { days: 365, word: 'console.regen.year' },
  { days: 730, word: 'console.regen.years' },
]

/** The lifetimes that a workspace allows; `most` is 0 where it allows all. */
export function allowedLifetimes(most: number): typeof lifetimes {
  return most === 0 ? lifetimes : lifetimes.filter(({ days }) => days > 0 && days <= most)
}

export interface Renewal { reason: string; note: string; overlap: number; exposed: boolean; days: number }

/** The parameters that the phone signs. An exposed token never lives on. */
export function renewalParams(r: Renewal): Record<string, unknown> {
  return {
    reason: r.reason,
    ...(r.note.trim() && { note: r.note.trim() }),
    overlap_seconds: r.exposed ? 0 : r.overlap,
    ...(r.exposed && { exposed: true }),
    ...(r.days > 0 && { expires_days: r.days }),
  }
}

/** "80 min", "5 h", "3 d": rounded down, because it says how long nothing happened. */
export function span(seconds: number): { key: Key; count: number } {
  if (seconds < 2 * hour) return { key: 'console.overlap.minutes', count: Math.floor(seconds / minute) }
  if (seconds < 2 * day) return { key: 'console.overlap.hours', count: Math.floor(seconds / hour) }
  return { key: 'console.overlap.days', count: Math.floor(seconds / day) }
}

export interface Advice { key: Key; tone: 'good' | 'warn' | 'info'; values: Record<string, string | number> }

/** May the old token be ended? `now` is the service's time in milliseconds. */
export function advice(o: Overlap, client: string, now: number, language: string): Advice {
  if (o.advice === 'safe') return { key: o.old_last_at ? 'console.overlap.safe' : 'console.overlap.safe_unused', tone: 'good', values: { calls: o.new_calls } }
  if (o.advice === 'unused' || !o.old_last_at) return { key: 'console.overlap.unused', tone: 'info', values: {} }
  return { key: 'console.overlap.in_use', tone: 'warn', values: { client, ago: relative(new Date(o.old_last_at), new Date(now), language) } }
}

const dayMs = day * 1000

export type Trouble =
  | { kind: 'refused'; refused: Refused }
  | { kind: 'expired' | 'expiring' | 'exposed'; token: TokenInfo }

/** What has to be said above everything else, the worst first; null where all is well. */
export function trouble(d: Pick<Directory, 'token' | 'tokens' | 'refused'>, now: number): Trouble | null {
  const { token, refused } = d
  if (token?.state === 'expired') return { kind: 'expired', token }
  if (refused) return { kind: 'refused', refused }
  if (!token) return null
  const before = d.tokens.find((other) => other.id === token.replaces)
  if (before?.exposed && !token.last_used_at) return { kind: 'exposed', token }
  if (token.expires_at && Date.parse(token.expires_at) - now <= 30 * dayMs) return { kind: 'expiring', token }
  return null
}

/** What happened to the token that is refused. */
export function refusedKey(r: Refused): Key {
  if (r.address) return 'console.trouble.refused_address'
  if (r.state === 'replaced') return 'console.trouble.refused_replaced'
  if (r.state === 'expired') return 'console.trouble.refused_expired'
  if (r.state === 'revoked') return r.ended_by ? 'console.trouble.refused_revoked' : 'console.trouble.refused_ended'
  return 'console.trouble.refused_form'
}

/** How a provider gets the new token. */
export function steps(client: string): readonly Key[] {
  if (/entra|azure|microsoft/i.test(client) || client === '')
    return ['console.steps.copy', 'console.steps.entra_paste', 'console.steps.entra_test', 'console.steps.entra_restart']
  if (/okta/i.test(client)) return ['console.steps.copy', 'console.steps.okta_paste', 'console.steps.okta_test', 'console.steps.okta_retry']
  return ['console.steps.copy', 'console.steps.other_paste', 'console.steps.other_test', 'console.steps.other_restart']
}

/** The lines of the address list's field as the service takes them. */
export function networks(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean)
}
