// The one line that says what is happening (screens.md §0.3), derived from
// state, reason and delivery. Pure, so that every state can be tested.

import type { ConfirmationDevice } from '../../shared/types'
import type { Key } from '../i18n'
import type { AskView } from './ask'

export type Tone = 'wait' | 'good' | 'warn' | 'bad' | 'ended'

export interface WaitLine {
  key: Key
  tone: Tone
  /** Spoken at once instead of when there is a pause. */
  urgent: boolean
  devices?: string[]
  /** A time to print, RFC 3339. */
  at?: string
  count?: number
}

const hintAfterMs = 10_000

/** The line for a view. */
export function waitLine(view: AskView): WaitLine {
  const { confirmation } = view
  switch (view.phase) {
    case 'creating':
      return { key: 'console.wait.creating', tone: 'wait', urgent: false }
    case 'waiting':
      return pendingLine(confirmation?.devices ?? [])
    case 'collecting':
      return { key: 'console.wait.collecting', tone: 'good', urgent: false }
    case 'denied':
      return deniedLine(view)
    case 'expired':
      return expiredLine(view)
    case 'cancelled':
      return { key: cancelled[confirmation?.reason ?? ''] ?? 'console.wait.cancelled', tone: 'ended', urgent: true }
    case 'consumed':
      return { key: handsOut(view) ? 'console.wait.consumed' : 'console.wait.done_unheard', tone: 'warn', urgent: true }
    case 'no_device':
      return { key: 'console.wait.no_device', tone: 'warn', urgent: true }
    case 'limited':
      return { key: 'console.wait.limited', tone: 'warn', urgent: true, at: new Date(view.nextAt).toISOString() }
    case 'locked':
      return { key: 'console.wait.locked', tone: 'bad', urgent: true, at: new Date(view.nextAt).toISOString() }
    case 'session':
      return { key: 'console.wait.session', tone: 'bad', urgent: true }
    case 'replaced':
      return { key: 'console.wait.replaced', tone: 'ended', urgent: true }
    case 'refused':
      return { key: 'console.wait.refused', tone: 'bad', urgent: true }
    case 'unreachable':
      return { key: 'console.wait.unreachable', tone: 'bad', urgent: true }
    case 'failed':
      return { key: 'console.wait.failed', tone: 'bad', urgent: true }
  }
}

function pendingLine(devices: ConfirmationDevice[]): WaitLine {
  const opened = latest(devices, ['opened'])
  if (opened) return { key: 'console.wait.opened', tone: 'wait', urgent: false, devices: [opened.name] }
  const reached = devices.filter((d) => d.delivery === 'sent' || d.delivery === 'pulled')
  if (reached.length > 0) {
    const at = latest(reached, ['sent', 'pulled'])?.at ?? undefined
    return { key: at ? 'console.wait.sent' : 'console.wait.sent_now', tone: 'wait', urgent: false, devices: names(reached), at }
  }
  const queued = devices.filter((d) => d.delivery === 'queued' && !d.detail)
  if (queued.length === 0 && devices.length > 0) return { key: 'console.wait.pushfailed', tone: 'warn', urgent: true }
  if (queued.length === 0) return { key: 'console.wait.creating', tone: 'wait', urgent: false }
  return { key: 'console.wait.sending', tone: 'wait', urgent: false, devices: names(queued) }
}

/** What became of the request on one phone. */
export interface DeliveryLine {
  id: string
  name: string
  key: Key
  /** A time to print, RFC 3339. */
  at?: string
  /** The push service's own word, where there is no sentence for it. */
  word?: string
  trouble: boolean
}

const unsent: Readonly<Record<string, Key>> = {
  no_push: 'console.delivery.no_push',
  push_budget: 'console.delivery.push_budget',
  unseen: 'console.delivery.unseen',
}

/** The words of the push services for a registration that has ended, and for a mistake of the service's own set-up. */
const gone = /^(UNREGISTERED|Unregistered|ExpiredToken|BadDeviceToken|http_404|http_410)$/
const ours = /^(SENDER_ID_MISMATCH|THIRD_PARTY_AUTH_ERROR|PERMISSION_DENIED|UNAUTHENTICATED|NOT_FOUND|DeviceTokenNotForTopic|TopicDisallowed|BadTopic|MissingTopic|Bad(Certificate|Environment).*|.*ProviderToken|provider_token|vapid_key|http_40[13]|not_configured)$/
const down = /^(UNAVAILABLE|INTERNAL|QUOTA_EXCEEDED|ServiceUnavailable|Shutdown|InternalServerError|TooManyRequests|timeout|connection|certificate|bad_answer|http_429|http_5\d\d)$/

/** One line for each phone, where the one line above does not say everything: several phones, or one that was not reached. */
export function deliveryLines(view: AskView): DeliveryLine[] {
  if (view.phase !== 'waiting') return []
  const lines = (view.confirmation?.devices ?? []).map(deliveryLine)
  return lines.length > 1 || lines.some((line) => line.trouble) ? lines : []
}

function deliveryLine({ id, name, delivery, at, detail }: ConfirmationDevice): DeliveryLine {
  const line = (key: Key, trouble = false, more: Partial<DeliveryLine> = {}): DeliveryLine => ({ id, name, key, trouble, ...more })
  switch (delivery) {
    case 'opened': return line('console.delivery.opened')
    case 'pulled': return line('console.delivery.pulled')
    case 'sent': return at ? line('console.delivery.sent', false, { at }) : line('console.delivery.sent_now')
    case 'queued': return detail ? line(unsent[detail] ?? 'console.delivery.no_push', true) : line('console.delivery.queued')
  }
  const word = detail ?? ''
  if (gone.test(word)) return line('console.delivery.app_removed', true)
  if (ours.test(word)) return line('console.delivery.misconfigured', true)
  if (down.test(word)) return line('console.delivery.unreachable', true)
  return word ? line('console.delivery.failed', true, { word }) : line('console.delivery.failed_unsaid', true)
}

/** Who has approved, where more than one admin has to; null where one is enough. */
export function quorumLine(view: AskView): { key: Key; names: string[]; have: number; needed: number } | null {
  const quorum = view.confirmation?.quorum
  if (!quorum || view.phase !== 'waiting') return null
  const who = quorum.approvals.map((approval) => approval.person)
  return { key: who.length > 0 ? 'console.quorum.some' : 'console.quorum.none', names: who, have: who.length, needed: quorum.needed }
}

function deniedLine(view: AskView): WaitLine {
  const by = view.confirmation?.decided_by
  const shown = handsOut(view)
  const reason = view.confirmation?.reason
  if (reason === 'too_many_attempts') return { key: shown ? 'console.wait.attempts' : 'console.wait.attempts_unchanged', tone: 'bad', urgent: true }
  if (reason === 'network_mismatch') return { key: shown ? 'console.wait.mismatch' : 'console.wait.mismatch_unchanged', tone: 'bad', urgent: true }
  if (!by?.at) return { key: shown ? 'console.wait.denied_somewhere' : 'console.wait.denied_somewhere_unchanged', tone: 'bad', urgent: true }
  return { key: shown ? 'console.wait.denied' : 'console.wait.denied_unchanged', tone: 'bad', urgent: true, devices: [by.device], at: by.at }
}

function expiredLine(view: AskView): WaitLine {
  const { confirmation } = view
  if (!confirmation || confirmation.reason === 'not_collected') return { key: 'console.wait.not_collected', tone: 'ended', urgent: true }
  const count = Math.max(1, Math.round((Date.parse(confirmation.expires_at) - Date.parse(confirmation.created_at)) / 60_000))
  return { key: handsOut(view) ? 'console.wait.expired' : 'console.wait.expired_unchanged', tone: 'ended', urgent: true, count }
}

const cancelled: Readonly<Record<string, Key>> = {
  superseded: 'console.wait.superseded',
  signed_out: 'console.wait.signed_out',
  deactivated: 'console.wait.deactivated',
  device_removed: 'console.wait.device_removed',
  role_lost: 'console.wait.role_lost',
  denied: 'console.wait.taken_back',
}

/** True for the actions that end with a secret on screen; the others change something. */
export function handsOut(view: AskView): boolean {
  return handsOutAction(view.confirmation?.action ?? '')
}

export function handsOutAction(action: string): boolean {
  return action === '' || action === 'scim.token.reveal' || action === 'scim.token.regenerate'
}

function names(devices: ConfirmationDevice[]): string[] {
  return devices.map((d) => d.name)
}

function latest(devices: ConfirmationDevice[], deliveries: string[]): ConfirmationDevice | undefined {
  return devices
    .filter((d) => deliveries.includes(d.delivery))
    .sort((a, b) => (b.at ?? '').localeCompare(a.at ?? ''))[0]
}

/** Whether to say "No notification? Open the companion app.": ten seconds without a sign of life. */
export function needsHint(view: AskView, now: number): boolean {
  if (view.phase !== 'waiting' || now - view.askedAt < hintAfterMs) return false
  const devices = view.confirmation?.devices ?? []
  const alive = devices.some((d) => d.delivery === 'pulled' || d.delivery === 'opened')
  return !alive && waitLine(view).key !== 'console.wait.pushfailed'
}

/** The warning to speak when the time left went from `before` to `after` seconds, if any. */
export function spokenWarning(before: number, after: number): Key | null {
  if (before > 30 && after <= 30 && after > 0) return 'console.wait.left30'
  if (before > 60 && after <= 60 && after > 30) return 'console.wait.left60'
  return null
}
