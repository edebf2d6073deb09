import { describe, expect, it } from 'vitest'
import type { AskView, Phase } from '../src/console/confirm/ask'
import { deliveryLines, needsHint, quorumLine, spokenWarning, waitLine } from '../src/console/confirm/wait-lines'
import type { Confirmation, ConfirmationDevice, Delivery } from '../src/shared/types'
import { confirmation, FakeClock } from './fakes'

const clock = new FakeClock()

function view(phase: Phase, change: Partial<Confirmation> = {}, more: Partial<AskView> = {}): AskView {
  return {
    phase, confirmation: confirmation(clock, change), link: 'live', error: null, offset: 0,
    askedAt: clock.ms, nextAt: clock.ms + 30_000, resending: false, resendRefused: false, proving: false, passkeyError: null, ...more,
  }
}

function device(name: string, delivery: Delivery, at = '2026-05-03T14:02:00Z'): ConfirmationDevice {
  return { id: name, name, delivery, at }
}

describe('while it is pending, the line', () => {
  it('names the phones it is being sent to', () => {
    expect(waitLine(view('waiting'))).toMatchObject({ key: 'console.wait.sending', devices: ['iPhone of Ana'], urgent: false })
  })

  it.each(['sent', 'pulled'] as const)('says where it was sent and when: %s', (delivery) => {
    const devices = [device('Pixel', 'queued'), device('iPhone', delivery, '2026-05-03T14:02:03Z')]
    expect(waitLine(view('waiting', { devices }))).toMatchObject({ key: 'console.wait.sent', devices: ['iPhone'], at: '2026-05-03T14:02:03Z' })
  })

  it('says where it was opened, the latest of several', () => {
    const devices = [device('Pixel', 'opened', '2026-05-03T14:02:03Z'), device('iPhone', 'opened', '2026-05-03T14:02:09Z')]
    expect(waitLine(view('waiting', { devices }))).toMatchObject({ key: 'console.wait.opened', devices: ['iPhone'] })
  })

  it('says at once that no phone was reached', () => {
    expect(waitLine(view('waiting', { devices: [device('iPhone', 'failed')] }))).toMatchObject({ key: 'console.wait.pushfailed', urgent: true })
  })

  it('speaks of the phone that was reached when another was not', () => {
    const devices = [device('Pixel', 'failed'), device('iPhone', 'sent')]
    expect(waitLine(view('waiting', { devices }))).toMatchObject({ key: 'console.wait.sent', devices: ['iPhone'] })
  })

  it('names no phone where none is listed', () => {
    expect(waitLine(view('waiting', { devices: [] })).key).toBe('console.wait.creating')
    expect(waitLine(view('waiting', { devices: null })).key).toBe('console.wait.creating')
  })
})

describe('what became of it on each phone', () => {
  const of = (...devices: ConfirmationDevice[]) => deliveryLines(view('waiting', { devices }))
  it('is left to the one line where one phone was reached', () => {
    expect(of(device('iPhone', 'sent'))).toEqual([])
    expect(of(device('iPhone', 'opened'))).toEqual([])
    expect(deliveryLines(view('denied', { devices: [device('a', 'sent'), device('b', 'failed')] }))).toEqual([])
  })

  it('is said for each of several', () => {
    const lines = of(device('iPhone of Ana', 'opened'), device('Pixel', 'sent', '2026-05-03T14:02:03Z'), device('iPad', 'pulled'), device('Old', 'queued'))
    expect(lines.map((line) => [line.name, line.key, line.at ?? ''])).toEqual([
      ['iPhone of Ana', 'console.delivery.opened', ''], ['Pixel', 'console.delivery.sent', '2026-05-03T14:02:03Z'],
      ['iPad', 'console.delivery.pulled', ''], ['Old', 'console.delivery.queued', ''],
    ])
  })

  it.each([
    ['UNREGISTERED', 'console.delivery.app_removed'], ['Unregistered', 'console.delivery.app_removed'], ['BadDeviceToken', 'console.delivery.app_removed'],
    ['ExpiredToken', 'console.delivery.app_removed'], ['http_410', 'console.delivery.app_removed'], ['http_404', 'console.delivery.app_removed'],
    ['SENDER_ID_MISMATCH', 'console.delivery.misconfigured'], ['BadEnvironmentKeyIdInToken', 'console.delivery.misconfigured'],
    ['ExpiredProviderToken', 'console.delivery.misconfigured'], ['http_403', 'console.delivery.misconfigured'],
    ['UNAVAILABLE', 'console.delivery.unreachable'], ['timeout', 'console.delivery.unreachable'], ['http_503', 'console.delivery.unreachable'],
    ['SOMETHING_NEW', 'console.delivery.failed'], ['', 'console.delivery.failed_unsaid'],
  ])('says in words why it was not delivered: %s', (detail, key) => {
    expect(of({ ...device('iPhone', 'failed'), detail })).toMatchObject([{ key, trouble: true }])
  })

  it.each(['no_push', 'push_budget', 'unseen'])('says why nothing was sent: %s', (detail) => {
    const alone = { ...device('iPhone', 'queued'), detail }
    expect(of(alone)).toMatchObject([{ key: `console.delivery.${detail}`, trouble: true }])
    expect(waitLine(view('waiting', { devices: [alone] }))).toMatchObject({ key: 'console.wait.pushfailed', urgent: true })
    expect(waitLine(view('waiting', { devices: [alone, device('Pixel', 'queued')] }))).toMatchObject({ key: 'console.wait.sending', devices: ['Pixel'] })
  })
})

describe('where two admins have to approve', () => {
  const ana = { person: 'Ana Kovač', device: 'iPhone of Ana', at: '2026-05-03T14:02:09Z' }
  it('says that a second one is needed', () => {
    expect(quorumLine(view('waiting', { quorum: { needed: 2, approvals: [] } }))).toEqual({ key: 'console.quorum.none', names: [], have: 0, needed: 2 })
  })

  it('says who has approved', () => {
    expect(quorumLine(view('waiting', { quorum: { needed: 2, approvals: [ana] } }))).toEqual({ key: 'console.quorum.some', names: ['Ana Kovač'], have: 1, needed: 2 })
  })

  it('says nothing where one is enough, or when it is over', () => {
    expect(quorumLine(view('waiting'))).toBeNull()
    expect(quorumLine(view('denied', { quorum: { needed: 2, approvals: [ana] } }))).toBeNull()
  })
})

describe('at its end, the line', () => {
  const by = { device: 'iPhone of Ana', at: '2026-05-03T14:03:00Z' }
  it.each([
    ['a denial', view('denied', { decided_by: by }), 'console.wait.denied'],
    ['a report, which reads the same', view('denied', { decided_by: by, reason: 'reported' }), 'console.wait.denied'],
    ['a denial without a device', view('denied'), 'console.wait.denied_somewhere'],
    ['three wrong codes', view('denied', { decided_by: by, reason: 'too_many_attempts' }), 'console.wait.attempts'],
    ['another network', view('denied', { decided_by: by, reason: 'network_mismatch' }), 'console.wait.mismatch'],
    ['a policy denied from another network', view('denied', { decided_by: by, reason: 'network_mismatch', action: 'policy.change' }), 'console.wait.mismatch_unchanged'],
    ['an approval that was taken back', view('cancelled', { reason: 'denied' }), 'console.wait.taken_back'],
    ['a denied revocation', view('denied', { decided_by: by, action: 'scim.token.revoke' }), 'console.wait.denied_unchanged'],
    ['a denied removal', view('denied', { decided_by: by, action: 'device.remove' }), 'console.wait.denied_unchanged'],
    ['time', view('expired'), 'console.wait.expired'],
    ['a removal out of time', view('expired', { action: 'device.remove' }), 'console.wait.expired_unchanged'],
    ['collecting too late', view('expired', { reason: 'not_collected' }), 'console.wait.not_collected'],
    ['a newer request', view('cancelled', { reason: 'superseded' }), 'console.wait.superseded'],
    ['a removed phone', view('cancelled', { reason: 'device_removed' }), 'console.wait.device_removed'],
    ['a reason that is new', view('cancelled', { reason: 'something_else' }), 'console.wait.cancelled'],
    ['a lost answer', view('consumed'), 'console.wait.consumed'],
    ['a lost answer to a change', view('consumed', { action: 'device.remove' }), 'console.wait.done_unheard'],
    ['no phone', view('no_device'), 'console.wait.no_device'],
    ['limits', view('limited'), 'console.wait.limited'],
    ['a lock', view('locked'), 'console.wait.locked'],
    ['the end of the session', view('session'), 'console.wait.session'],
    ['another window', view('replaced'), 'console.wait.replaced'],
    ['a refused line', view('refused'), 'console.wait.refused'],
    ['no answer', view('unreachable'), 'console.wait.unreachable'],
    ['anything else', view('failed'), 'console.wait.failed'],
  ] as const)('tells of %s, at once', (_what, state, key) => {
    expect(waitLine(state)).toMatchObject({ key, urgent: true })
  })

  it('says how many minutes there were', () => {
    expect(waitLine(view('expired')).count).toBe(5)
    expect(waitLine(view('expired', { expires_at: '2026-05-03T14:03:00Z' })).count).toBe(1)
  })

  it('says who denied and when', () => {
    expect(waitLine(view('denied', { decided_by: by }))).toMatchObject({ devices: ['iPhone of Ana'], at: by.at })
  })
})

describe('the hint to open the app', () => {
  it('comes after ten seconds without a sign of life', () => {
    expect(needsHint(view('waiting'), clock.ms + 9_999)).toBe(false)
    expect(needsHint(view('waiting'), clock.ms + 10_000)).toBe(true)
  })

  it.each(['pulled', 'opened'] as const)('does not come once it was %s', (delivery) => {
    expect(needsHint(view('waiting', { devices: [device('iPhone', delivery)] }), clock.ms + 60_000)).toBe(false)
  })

  it('does not repeat the line that says the same', () => {
    expect(needsHint(view('waiting', { devices: [device('iPhone', 'failed')] }), clock.ms + 60_000)).toBe(false)
  })

  it('does not come after an end', () => {
    expect(needsHint(view('denied'), clock.ms + 60_000)).toBe(false)
  })
})

describe('the spoken warning', () => {
  it.each([[61, 60, 'console.wait.left60'], [60, 59, null], [31, 30, 'console.wait.left30'], [90, 20, 'console.wait.left30'], [29, 28, null], [1, 0, null], [100, 0, null]] as const)('from %i to %i seconds: %s', (before, after, key) => {
    expect(spokenWarning(before, after)).toBe(key)
  })
})
