import { describe, expect, it } from 'vitest'
import { changeActivity, filtersOf, narrowed, readActivity } from '../src/console/activity/search'
import { sentenceOf, whoOf } from '../src/console/activity/sentences'
import type { ActivityEvent } from '../src/console/activity/types'

const event: ActivityEvent = { id: 'evt_1', at: '2026-11-22T10:00:00Z', event: 'person.role_changed', area: 'people', outcome: 'ok', actor: { kind: 'person', id: 'ppl_a', name: 'Ana Kovač' },
  object: { id: 'ppl_b', name: '{{actor}} <b>Ben</b>' }, detail: { from: 'user', to: 'admin' }, sealed: true }

describe('the address of the activity', () => {
  it('keeps filters that can be, and nothing else', () => {
    expect(readActivity({ q: 'x', kind: 'tokens', person: 'ppl_1', from: '2026-05-03', to: 'soon', event: 'evt_1', after: 'MTIz', other: 1 }))
      .toEqual({ q: 'x', kind: 'tokens', person: 'ppl_1', from: '2026-05-03', event: 'evt_1', after: 'MTIz' })
    expect(readActivity({ kind: 'nonsense', person: '../x', from: '2026-02-31', object: 'a b' })).toEqual({})
  })

  it('begins anew when a filter changes, and closes what is open', () => {
    expect(changeActivity({ kind: 'tokens', after: 'x', event: 'evt_1' }, { q: 'leak' })).toEqual({ kind: 'tokens', q: 'leak' })
    expect(narrowed({ after: 'x' })).toBe(false)
    expect(narrowed({ kind: 'audit' })).toBe(true)
  })

  it('turns days into instants, the last one with all of its hours', () => {
    const { from, to } = filtersOf({ from: '2026-05-03', to: '2026-05-03' })
    expect(new Date(from ?? '').getTime()).toBe(new Date(2026, 4, 3).getTime())
    expect(new Date(to ?? '').getTime()).toBe(new Date(2026, 4, 4).getTime())
  })
})

describe('the sentence of an event', () => {
  it('is said in both languages, and takes names for text', () => {
    expect(sentenceOf(event, 'en')).toBe('Ana Kovač changed the role of {{actor}} <b>Ben</b> from user to admin.')
    expect(sentenceOf(event, 'de')).toContain('von user auf admin')
  })

  it('leaves open what the event does not know', () => {
    expect(sentenceOf({ ...event, actor: { kind: 'operator' }, object: undefined, detail: {} }, 'en')).toBe('An operator changed the role of a person from … to ….')
    expect(sentenceOf({ ...event, event: 'new.thing' }, 'en')).toBe('Ana Kovač: new.thing')
  })

  it('says so where somebody was erased', () => {
    expect(whoOf({ ...event, actor: { kind: 'person', id: 'ppl_a', name: '' }, erased: true }, 'en')).toBe('Somebody who was erased')
  })
})
