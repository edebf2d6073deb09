import { describe, expect, it } from 'vitest'
import { action, colleague, helping } from '../../src/companion/facts'
import { newest, words } from '../../src/companion/notices'
import type { Challenge } from '../../src/companion/challenge'

const asked = (act: string, words: string) => ({ act, ctx: { action: words } }) as Pick<Challenge, 'act' | 'ctx'>

describe("a colleague's lost phone", () => {
  it('shows who asks and the words to compare', () => {
    const c = asked('recovery.approve', 'Let Ben Novak pair a new phone. The words: amber river violin')
    expect(helping(c)).toEqual({ person: 'Ben Novak', words: 'amber river violin' })
    expect(action(c)).toBe('Let Ben Novak pair a new phone')
  })

  it('takes the words from the end, whatever somebody is called', () => {
    const c = asked('recovery.approve', 'Let Ben pair a new phone. The words: apple apple apple pair a new phone. The words: amber river violin')
    expect(helping(c)?.words).toBe('amber river violin')
  })

  it.each([
    ['another action', 'device.add', 'Let Ben pair a new phone. The words: amber river violin'],
    ['another sentence', 'recovery.approve', 'Let somebody in'],
    ['too few words', 'recovery.approve', 'Let Ben pair a new phone. The words: amber'],
  ])('is not taken for it: %s', (_, act, words) => {
    expect(helping(asked(act, words))).toBeUndefined()
    expect(action(asked(act, words))).toBe(words)
  })

  it('names new recovery codes in the language of the person', () => {
    expect(action(asked('recovery.codes', 'Make new recovery codes. The old ones stop working'))).toBe('Make new recovery codes. The old ones stop working')
  })
})

describe("a second approval of a colleague's request", () => {
  const asking = (words: string, person: string) => ({ ctx: { action: words, person } }) as Pick<Challenge, 'ctx'>
  const me = { person: { id: 'ppl_1', name: 'Cleo' } }

  it('names who asks', () => {
    expect(colleague(asking('Approve for Ben: View the SCIM API authentication token', 'Ben'), me)).toBe('Ben')
  })

  it.each([
    ["one's own request", asking('View the SCIM API authentication token', 'Cleo')],
    ['another sentence', asking('Approve for Ana: View the token', 'Ben')],
  ])('is not taken for it: %s', (_, c) => {
    expect(colleague(c, me)).toBeUndefined()
  })
})

describe('what the person was told', () => {
  const at = Date.parse('2026-11-22T14:02:00Z')
  const notice = (kind: string, params: Record<string, unknown>, daysAgo = 0) =>
    ({ id: kind + daysAgo, kind, params, created_at: new Date(at - daysAgo * 24 * 3600_000).toISOString() })

  it('is filled with names', () => {
    expect(words(notice('recovery.asked', { person: 'Ben', approver: 'Cleo', approver_id: 'ppl_1' }))).toBe('Ben asks Cleo to approve a new phone.')
  })

  it('says a time in the clock of the phone', () => {
    expect(words(notice('token.expiring', { hint: '9f2c', days: 7, until: '2031-05-03T12:02:00Z' }))).toMatch(/^The SCIM token …9f2c expires on \d+ May 2031, \d\d:02\. /)
  })

  it('says the date of today too, because the sentence says "on"', () => {
    expect(words(notice('token.expiring', { hint: '9f2c', days: 0, until: new Date().toISOString() }))).toMatch(/ expires on \d+ \w+ \d{4}, \d\d:\d\d\. /)
  })

  it('leaves out a warning of what has come', () => {
    const until = (seconds: number) => ({ hint: '9f2c', until: new Date(at + seconds * 1000).toISOString() })
    const all = [notice('token.expiring', until(1)), notice('token.expiring', until(0), 1), notice('token.overlap_ending', { client: 'Entra', ...until(-60) })]
    expect(newest(all, at).map((n) => n.id)).toEqual(['token.expiring0'])
  })

  it('leaves out what is old and what this app has no words for, the newest first', () => {
    const all = [notice('device.removed', { device: 'Old' }, 8), notice('device.added', { device: 'Pixel' }, 1), notice('weather.changed', {}), notice('recovery.codes_made', {})]
    expect(newest(all, at).map((n) => n.id)).toEqual(['recovery.codes_made0', 'device.added1'])
  })
})
