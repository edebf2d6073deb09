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
  const queued = devices.filter((d) => d.delivery === 'queued')
  if (queued.length === 0 && devices.length > 0) return { key: 'console.wait.pushfailed', tone: 'warn', urgent: true }
  if (queued.length === 0) return { key: 'console.wait.creating', tone: 'wait', urgent: false }
  return { key: 'console.wait.sending', tone: 'wait', urgent: false, devices: names(queued) }
}

function deniedLine(view: AskView): WaitLine {
  const by = view.confirmation?.decided_by
  const shown = handsOut(view)
  if (view.confirmation?.reason === 'too_many_attempts')
    return { key: shown ? 'console.wait.attempts' : 'console.wait.attempts_unchanged', tone: 'bad', urgent: true }
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
}

/** True for the actions that end with a secret on screen; the others change something. */
export function handsOut(view: AskView): boolean {
  return handsOutAction(view.confirmation?.action ?? '')
}

export function handsOutAction(action: string): boolean {
  return action === '' || action.startsWith('scim.token.')
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
