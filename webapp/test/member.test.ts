import { describe, expect, it } from 'vitest'
import { changeActivity, savedFilters } from '../src/console/activity/search'
import type { ActivityEvent } from '../src/console/activity/types'
import type { Call } from '../src/console/directory/types'
import { renamed, timeline } from '../src/console/member/lines'
import { readMembers } from '../src/console/pages/members-search'

const event = (id: string, at: string, name = 'person.changed', detail: Record<string, unknown> = {}): ActivityEvent =>
  ({ id, at, event: name, area: 'people', outcome: 'ok', actor: { kind: 'provider' }, detail, sealed: true })
const call = (id: string, last_at: string): Call =>
  ({ id, at: last_at, last_at, times: 1, result: 'failed', operation: 'user.patch', status: 409, sentence: '', method: 'PATCH', target: '/Users/1', took_ms: 1 })

describe('a person\'s timeline', () => {
  it('has both lists in one order, the newest first', () => {
    const lines = timeline([event('e2', '2026-05-03T12:00:00Z'), event('e1', '2026-05-01T12:00:00Z')], [call('c1', '2026-05-02T12:00:00Z')])
    expect(lines.map((one) => one.id)).toEqual(['e2', 'c1', 'e1'])
  })

  it('ends after fifteen lines', () => {
    expect(timeline(Array.from({ length: 40 }, (_, i) => event(`e${i}`, '2026-05-03T12:00:00Z')), [])).toHaveLength(15)
  })

  it('knows the last other name, and no name where none changed', () => {
    const events = [event('e3', '2026-05-04T12:00:00Z', 'person.changed', { changed: ['title'] }), event('e2', '2026-05-03T12:00:00Z', 'person.changed', { from: 'ana@old.test', to: 'ana@acme.test' }),
      event('e1', '2026-05-01T12:00:00Z', 'person.changed', { from: 'ana@older.test', to: 'ana@old.test' })]
    expect(renamed(events)).toEqual({ from: 'ana@old.test', at: '2026-05-03T12:00:00Z' })
    expect(renamed([event('e1', '2026-05-01T12:00:00Z', 'person.role_changed', { from: 'user', to: 'admin' })])).toBeUndefined()
  })
})

describe('saved filters of the activity', () => {
  it('are read as an address is: what cannot be a filter is left out', () => {
    const kept = [{ name: 'Tokens', search: { kind: 'tokens', after: 'abc', event: 'evt_1', nonsense: 1 } }, { name: 7, search: {} }, null, { name: 'x' }, { name: 'Nothing', search: { kind: 'hats' } }]
    expect(savedFilters(kept)).toEqual([{ name: 'Tokens', search: { kind: 'tokens' } }, { name: 'Nothing', search: {} }])
    expect(savedFilters('{}')).toEqual([])
  })

  it('hold neither the page nor the open event', () => {
    expect(changeActivity({ kind: 'phones', after: 'abc', event: 'evt_1' }, {})).toEqual({ kind: 'phones' })
  })
})

describe('the filters of All Members', () => {
  it.each([['failed_call', { problem: 'failed_call' }], ['hair', {}], ['', {}]])('problem=%s', (problem, want) => {
    expect(readMembers({ problem })).toEqual(want)
  })
})
