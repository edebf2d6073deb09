import { describe, expect, it } from 'vitest'
import { advice, networks, overlaps, refusedKey, renewalParams, span, steps, trouble } from '../src/console/token/life'
import type { Overlap, Refused, TokenInfo } from '../src/shared/types'

const at = Date.parse('2026-05-03T14:00:00Z')
const minutesAgo = (n: number) => new Date(at - n * 60_000).toISOString()

const overlap: Overlap = {
  old_id: 'tok_old', old_hint: '9f2c', new_id: 'tok_new', new_hint: 'a771', valid_until: '2026-05-04T14:00:00Z', cancellable: true, advice: 'in_use', client: 'Entra ID',
  old_last_at: minutesAgo(3), new_calls: 0, unused_seconds: 180, cycle_seconds: 2400, server_time: '2026-05-03T14:00:00Z',
}

const token: TokenInfo = { id: 'tok_new', hint: 'a771', created_at: minutesAgo(10), state: 'active', replaces: 'tok_old' }

const refused: Refused = { token_id: 'tok_old', hint: '9f2c', state: 'replaced', times: 3, since: minutesAgo(9), last_at: minutesAgo(1), address: false }

describe('a renewal', () => {
  it('keeps the old token for 24 hours unless somebody says otherwise', () => {
    expect(overlaps.map(({ seconds }) => seconds / 3600)).toEqual([24, 0, 1, 6, 168])
    expect(renewalParams({ reason: 'Security', note: '  ', overlap: overlaps[0]!.seconds, exposed: false, days: 0 })).toEqual({ reason: 'Security', overlap_seconds: 86400 })
  })

  it('lets an exposed token end at once, whatever was chosen before', () => {
    expect(renewalParams({ reason: 'Security', note: 'it stood in a ticket ', overlap: 3600, exposed: true, days: 90 }))
      .toEqual({ reason: 'Security', note: 'it stood in a ticket', overlap_seconds: 0, exposed: true, expires_days: 90 })
  })
})

describe('the advice about an old token', () => {
  it('says who used it last, by the service\'s clock', () => {
    expect(advice(overlap, 'Entra ID', at, 'en')).toEqual({ key: 'console.overlap.in_use', tone: 'warn', values: { client: 'Entra ID', ago: '3 min ago' } })
  })

  it('says that it is safe, and why', () => {
    const safe: Overlap = { ...overlap, advice: 'safe', new_calls: 4, old_last_at: minutesAgo(80), unused_seconds: 4800 }
    expect(advice(safe, 'Entra ID', at, 'en')).toEqual({ key: 'console.overlap.safe', tone: 'good', values: { calls: 4 } })
    expect(span(safe.unused_seconds)).toEqual({ key: 'console.overlap.minutes', count: 80 })
    const { old_last_at: _, ...never } = safe
    expect(advice(never, 'Entra ID', at, 'en').key).toBe('console.overlap.safe_unused')
  })

  it('says that nobody has used either', () => {
    const { old_last_at: _, ...unused } = overlap
    expect(advice({ ...unused, advice: 'unused' }, 'Entra ID', at, 'en').key).toBe('console.overlap.unused')
  })

  it('rounds a silence down', () => {
    expect([span(59), span(7199), span(7200), span(86400 * 3)].map(({ key, count }) => `${count} ${key}`)).toEqual([
      '0 console.overlap.minutes', '119 console.overlap.minutes', '2 console.overlap.hours', '3 console.overlap.days'])
  })
})

describe('the trouble with a token', () => {
  const found = (d: { token: TokenInfo | null; tokens?: TokenInfo[]; refused?: Refused }) => trouble({ tokens: [], ...d }, at)?.kind

  it('is none where all is well', () => {
    expect(found({ token })).toBeUndefined()
    expect(found({ token: null })).toBeUndefined()
    expect(found({ token: { ...token, expires_at: '2026-08-01T00:00:00Z' } })).toBeUndefined()
  })

  it('is told the worst first', () => {
    const soon = { ...token, expires_at: '2026-05-20T00:00:00Z' }
    expect(found({ token: soon })).toBe('expiring')
    expect(found({ token: soon, refused })).toBe('refused')
    expect(found({ token: { ...soon, state: 'expired' }, refused })).toBe('expired')
  })

  it('stays after an exposure until the new token is used', () => {
    const before: TokenInfo = { id: 'tok_old', hint: '9f2c', created_at: minutesAgo(99), state: 'revoked', exposed: true }
    expect(found({ token, tokens: [token, before] })).toBe('exposed')
    expect(found({ token: { ...token, last_used_at: minutesAgo(1) }, tokens: [token, before] })).toBeUndefined()
  })

  it('says what became of the token that is sent', () => {
    expect(refusedKey(refused)).toBe('console.trouble.refused_replaced')
    expect(refusedKey({ ...refused, state: 'expired' })).toBe('console.trouble.refused_expired')
    expect(refusedKey({ ...refused, state: 'revoked', ended_by: 'Ben' })).toBe('console.trouble.refused_revoked')
    expect(refusedKey({ ...refused, state: 'revoked' })).toBe('console.trouble.refused_ended')
    expect(refusedKey({ ...refused, state: 'active' })).toBe('console.trouble.refused_form')
    expect(refusedKey({ ...refused, state: 'active', address: true })).toBe('console.trouble.refused_address')
  })

  it('is mended in the words of each provider', () => {
    expect(steps('Entra ID')).toContain('console.steps.entra_restart')
    expect(steps('')).toContain('console.steps.entra_restart')
    expect(steps('Okta')).toContain('console.steps.okta_paste')
    expect(steps('SailPoint')).toContain('console.steps.other_paste')
  })
})

it('reads networks however they are written', () => {
  expect(networks(' 10.0.0.1,\n2001:db8::/32;  192.0.2.0/24\n')).toEqual(['10.0.0.1', '2001:db8::/32', '192.0.2.0/24'])
  expect(networks('  \n')).toEqual([])
})
