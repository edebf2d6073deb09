import { describe, expect, it } from 'vitest'
import { asText, isOneOf, normal } from '../src/console/recovery/codes'
import { sentence } from '../src/console/recovery/notices'
import type { PersonalNotice } from '../src/shared/types'
import en from '../src/i18n/en-console.json'

describe('a recovery code', () => {
  const codes = ['K7QX9-3MD2A', '01ABC-DEFGH']

  it.each(['K7QX9-3MD2A', 'k7qx93md2a', ' k7qx9 3md2a ', 'OIabc-defgh', 'olABCDEFGH'])('is known however it was typed: %s', (typed) => {
    expect(isOneOf(codes, typed)).toBe(true)
  })

  it.each(['', '  ', '-', 'K7QX9-3MD2B', 'K7QX9'])('is not another: %j', (typed) => {
    expect(isOneOf(codes, typed)).toBe(false)
  })

  it('is read as the service reads it', () => {
    expect(normal(' l0-oI ')).toBe('1001')
  })

  it('is kept in a file with whose it is', () => {
    expect(asText('Recovery codes', 'Ana · Acme', codes)).toBe('Recovery codes\nAna · Acme\n\nK7QX9-3MD2A\n01ABC-DEFGH\n')
  })
})

function notice(kind: string, params: Record<string, unknown> = {}): PersonalNotice {
  return { id: 'ntc_1', kind, params, created_at: '2026-11-22T14:02:00Z' }
}

describe('a notice', () => {
  it('has names, numbers and times where its sentence has places for them', () => {
    const said = sentence(notice('recovery.code_used', { person: 'Ana Kovač', left: 9 }), 'en')
    expect(said).toMatchObject({ key: 'console.notices.code_used', names: { person: 'Ana Kovač' }, values: { left: 9 } })
    expect(sentence(notice('recovery.codes_paused', { person: 'Ana', until: '2026-11-22T15:02:00Z' }), 'en').values['until']).toMatch(/2026/)
  })

  it('tells a decline from other words', () => {
    expect(sentence(notice('recovery.refused', { reason: 'declined' }), 'en').key).toBe('console.notices.refused')
    expect(sentence(notice('recovery.refused', { reason: 'words_differ' }), 'en')).toMatchObject({ key: 'console.notices.words_differ', tone: 'bad' })
  })

  it('of an unknown kind is said by its name', () => {
    expect(sentence(notice('weather.changed', { place: 'Zagreb' }), 'en')).toMatchObject({ key: 'console.notices.other', names: { kind: 'weather.changed' } })
  })

  // What the service fills in, by kind; a place without a value would be an empty gap.
  it.each([
    ['device.added', { device: 'iPhone' }],
    ['colleague.device_added', { person: 'Ben', device: 'Pixel' }],
    ['device.removed', { device: 'iPhone', itself: false }],
    ['recovery.codes_made', {}],
    ['recovery.code_used', { person: 'Ana', left: 9 }],
    ['recovery.codes_paused', { person: 'Ana', until: '2026-11-22T15:02:00Z' }],
    ['recovery.link_made', { person: 'Ana', expires_at: '2026-11-22T15:02:00Z' }],
    ['recovery.link_used', { person: 'Ana' }],
    ['recovery.asked', { request: 'rec_1', person: 'Ben', approver: 'Cleo', expires_at: '2026-11-23T14:02:00Z' }],
    ['recovery.approved', { person: 'Ben', approver: 'Cleo', until: '2026-11-22T15:02:00Z' }],
    ['recovery.refused', { request: 'rec_1', reason: 'declined', person: 'Ben', approver: 'Cleo' }],
    ['recovery.cancelled', { request: 'rec_1', reason: 'superseded', person: 'Ben', approver: 'Cleo' }],
    ['recovery.expired', { request: 'rec_1', reason: '', person: 'Ben', approver: 'Cleo' }],
    ['removal.held', { removal: 'rmv_1', kind: 'people' }],
    ['ownership.frozen', { owner: 'Ana' }],
    ['token.regenerated', { operator: 'Olga', reason: 'Automation', person: 'Ben' }],
    ['recovery.done', { person: 'Ben', device: 'Pixel' }],
  ] as [string, Record<string, unknown>][])('%s leaves no gap', (kind, params) => {
    const { key, values, names } = sentence(notice(kind, params), 'en')
    const places = [...(en as Record<string, string>)[key]!.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]!)
    expect(places.filter((place) => !(place in values) && !(place in names))).toEqual([])
  })
})
