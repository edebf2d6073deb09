import { describe, expect, it } from 'vitest'
import { Offline, Problem } from '../../src/companion/api'
import { ended, outcome, type Outcome } from '../../src/companion/outcome'
import { Mismatch, pairError } from '../../src/companion/pairing'

const now = 1_000_000

describe('outcome', () => {
  it.each<[string, unknown, Outcome]>([
    ['wrong digits', new Problem(422, 'wrong_code', { tries_left: 2 }), { kind: 'wrong_code', left: 2 }],
    ['the third wrong digits', new Problem(422, 'wrong_code', { tries_left: 0 }), { kind: 'ended', why: 'too_many' }],
    ['a deadline that has passed', new Problem(410, 'confirmation_expired'), { kind: 'ended', why: 'expired' }],
    ['cancelled on the web', new Problem(409, 'already_answered', { state: 'cancelled' }), { kind: 'ended', why: 'cancelled' }],
    ['a newer request', new Problem(409, 'already_answered', { state: 'cancelled', reason: 'superseded' }), { kind: 'ended', why: 'superseded' }],
    ['approved on another phone', new Problem(409, 'already_answered', { state: 'approved' }), { kind: 'ended', why: 'elsewhere_approved' }],
    ['another network than the browser', new Problem(409, 'already_answered', { state: 'denied', reason: 'network_mismatch' }), { kind: 'ended', why: 'network' }],
    ['collected already', new Problem(409, 'already_answered', { state: 'consumed' }), { kind: 'ended', why: 'elsewhere_approved' }],
    ['denied on another phone', new Problem(409, 'already_answered', { state: 'denied' }), { kind: 'ended', why: 'elsewhere_denied' }],
    ['unknown here', new Problem(404, 'not_found'), { kind: 'ended', why: 'gone' }],
    ['a phone that was removed', new Problem(401, 'unauthorized'), { kind: 'removed' }],
    ['a person who is locked', new Problem(423, 'locked', {}, 900), { kind: 'limited', until: now + 900_000 }],
    ['too many calls', new Problem(429, 'rate_limited', {}, 5), { kind: 'limited', until: now + 5000 }],
    ['no network', new Offline('x'), { kind: 'offline' }],
    ['a refusal without words', new Problem(400, 'malformed'), { kind: 'failed', code: 'malformed' }],
    ['a mistake of ours', new TypeError('x'), { kind: 'failed', code: 'unexpected' }],
  ])('tells %s', (_, e, want) => {
    expect(outcome(e, now)).toEqual(want)
  })
  it('has a word for a state that is not known', () => {
    expect(ended('melted')).toBe('gone')
    expect(ended('pending')).toBe('half') // approved here; another admin has to approve too
    expect(ended('denied', 'too_many_attempts')).toBe('too_many')
  })
})

describe('pairError', () => {
  it.each([
    ['a guessed code', new Problem(404, 'not_found'), 'wrong'],
    ['a used code', new Problem(409, 'already_claimed'), 'used'],
    ['an old code', new Problem(410, 'pairing_expired'), 'expired'],
    ['too many guesses', new Problem(429, 'rate_limited'), 'limited'],
    ['no network', new Offline('x'), 'offline'],
    ['digits of other keys', new Mismatch(), 'mismatch'],
    ['anything else', new Problem(400, 'malformed'), 'failed'],
  ])('tells %s', (_, e, want) => {
    expect(pairError(e)).toBe(want)
  })
})
