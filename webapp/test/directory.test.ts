import { describe, expect, it } from 'vitest'
import { asCurl, attributeName, kindOf, pieces, shown } from '../src/console/directory/log/diff'
import { active, change, localMinute, query, readSearch, scans } from '../src/console/directory/log/filters'
import { bars, dealtWith, entraMinutes, inScope, lastDay, share, shownMinutes } from '../src/console/directory/health/estimate'
import { saveOver } from '../src/console/conflict/save-over'
import { changedFields, differing, lines, metFields, metSettings, moved, ownSources, ruleDifferences, ruleOf, sameRules, sourcesOf, typedOf } from '../src/console/directory/rules/order'
import { ApiError } from '../src/shared/api'
import { standing, toAnnounce } from '../src/console/directory/log/live'
import { current, guides, providerOf, ticked } from '../src/console/directory/setup/guides'
import { changeMembers, filtered, readMembers } from '../src/console/pages/members-search'
import type { Call, CallCounts, MappingField, Proof, SyncSetup } from '../src/console/directory/types'

describe('the address of the log', () => {
  it('gives back what it was made from', () => {
    const search = { q: 'ana', person: 'ppl_1', result: 'failed', open: true, operation: 'user.create', last: '24h', after: 'plg_x' } as const
    expect(readSearch({ ...search })).toEqual(search)
  })

  it.each([
    ['a number that the router has read', { q: 123 }, { q: '123' }],
    ['open as text', { open: 'true' }, { open: true }],
    ['open that is off', { open: false }, {}],
    ['a result that is none', { result: 'good' }, {}],
    ['a span that is none', { last: '5m' }, {}],
    ['an id with other characters', { person: '../x', team: 'a b', after: '<' }, {}],
    ['a time that is none', { from: 'yesterday', to: '2026-11-22T10:00:00Z' }, { to: '2026-11-22T10:00:00Z' }],
    ['things that are no text', { q: { a: 1 }, code: null, token: ['x'] }, {}],
    ['what came of calls', { effect: 'off' }, { effect: 'off' }],
    ['an effect that there is not', { effect: 'gone' }, {}],
    ['names that are no filters', { evil: 'x' }, {}],
  ])('takes %s as it can', (_, search, want) => {
    expect(readSearch(search)).toEqual(want)
  })

  it('cuts what is too long', () => {
    expect(readSearch({ q: 'x'.repeat(500) }).q).toHaveLength(200)
  })

  it('begins at the first page when a filter changes', () => {
    expect(change({ q: 'ana', after: 'plg_1' }, { result: 'failed' })).toEqual({ q: 'ana', result: 'failed' })
    expect(change({ q: 'ana', before: 'plg_1' }, { q: '' })).toEqual({})
    expect(change({ result: 'failed' }, { result: undefined })).toEqual({})
  })

  it('has one time at once', () => {
    expect(change({ from: '2026-11-22T10:00:00Z', to: '2026-11-22T11:00:00Z' }, { last: '1h' })).toEqual({ last: '1h' })
  })

  it('names its filters and not its page', () => {
    expect(active({ q: 'x', after: 'plg_1', result: 'ok' })).toEqual(['q', 'result'])
  })

  it('asks for the last day as a time', () => {
    const now = Date.parse('2026-11-22T10:00:00Z')
    expect(query({ last: '24h', open: true, person: 'ppl_1' }, now)).toEqual({ person: 'ppl_1', limit: '50', open: 'true', from: '2026-11-21T10:00:00.000Z', to: undefined })
    expect(query({ from: '2026-11-22T09:00:00+01:00' }, now)).toMatchObject({ from: '2026-11-22T08:00:00.000Z' })
  })

  it('shows a chosen time as an input holds it', () => {
    expect(localMinute(undefined)).toBe('')
    const at = localMinute('2026-11-22T09:05:59Z')
    expect(at).toMatch(/^2026-11-2[123]T\d\d:\d\d$/)
    expect(new Date(at).toISOString()).toBe('2026-11-22T09:05:00.000Z')
  })

  it('knows which filters an index finds', () => {
    expect([scans({}), scans({ person: 'ppl_1' }), scans({ result: 'failed' }), scans({ effect: 'refused' })]).toEqual([false, false, false, false])
    expect([scans({ result: 'ok' }), scans({ effect: 'off' }), scans({ q: 'x' })]).toEqual([true, true, true])
  })
})

describe('a difference', () => {
  it.each([
    ['a value that comes', { attribute: 'title', after: 'Editor' }, 'added'],
    ['a value that goes', { attribute: 'title', before: 'Editor' }, 'removed'],
    ['an empty value that goes', { attribute: 'title', before: 'Editor', after: '' }, 'removed'],
    ['a value that is replaced', { attribute: 'active', before: true, after: false }, 'changed'],
  ])('is told apart: %s', (_, one, want) => {
    expect(kindOf(one)).toBe(want)
  })

  it('shows values as text', () => {
    expect([shown('x'), shown(false), shown(0), shown(['a', 'b']), shown(null), shown(undefined), shown({ a: 1 })]).toEqual(['x', 'false', '0', 'a, b', undefined, undefined, '{\n  "a": 1\n}'])
  })

  it('names an attribute without its schema', () => {
    expect(attributeName('urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department')).toEqual({ schema: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User', name: 'department' })
    expect(attributeName('emails[type eq "work"].value').name).toBe('emails[type eq "work"].value')
  })
})

describe('a body', () => {
  it('is the same text when its pieces are put together', () => {
    const body = { a: 'x"y\\', b: [1, -2.5, true, null], c: { d: '{}: 1' } }
    expect(pieces(body).map((piece) => piece.text).join('')).toBe(JSON.stringify(body, null, 2))
    expect(pieces({ a: 'b' }).filter((piece) => piece.kind !== 'plain')).toEqual([{ text: '"a"', kind: 'key' }, { text: '"b"', kind: 'string' }])
  })

  it('becomes a call for a shell that holds no token and cannot break out of its quotes', () => {
    expect(asCurl('https://x/v1/scim/v2', 'POST', '/Users', { userName: "o'neil" })).toBe(
      "curl -X POST 'https://x/v1/scim/v2/Users' \\\n  -H 'Authorization: Bearer YOUR_TOKEN' \\\n  -H 'Content-Type: application/scim+json' \\\n  -d '{\"userName\":\"o'\\''neil\"}'")
    expect(asCurl('https://x', 'GET', '/Users', undefined)).not.toContain('-d')
  })
})

const none: CallCounts = { calls: 0, looked: 0, created: 0, updated: 0, deactivated: 0, deleted: 0, teams: 0, unchanged: 0, failed: 0, rejected: 0, slowed: 0 }

describe('the estimate', () => {
  it.each([['1,240 + 3,000', 4240], ['35', 35], ['1.240', 1240], ['about 40 people', 40], ['', null], ['many', null], ['1 240 + 60', 1300]])('reads %j', (text, want) => {
    expect(inScope(text)).toBe(want)
  })

  it('goes by the published rate', () => {
    const { least, most } = entraMinutes(4240)
    expect([shownMinutes(least), shownMinutes(most)]).toEqual([42, 339])
    expect([shownMinutes(entraMinutes(35).least), shownMinutes(entraMinutes(35).most)]).toEqual([0.4, 2.8])
  })

  it('never says that a cycle is finished', () => {
    expect([share(0, 1200), share(480, 1200), share(1200, 1200), share(5000, 1200), share(1, 0)]).toEqual([0, 40, 99, 99, 99])
    expect(dealtWith({ ...none, created: 3, teams: 2, failed: 1, looked: 40, calls: 46 })).toBe(6)
  })
})

describe('the bars', () => {
  const minute = (text: string, calls: number, failed = 0) => ({ minute: text, counts: { ...none, calls, failed } })
  it('are one a minute for a short time', () => {
    const { every, bars: all } = bars([minute('2026-11-22T10:00:00Z', 3), minute('2026-11-22T10:02:00Z', 5, 2)], Date.parse('2026-11-22T10:03:30Z'))
    expect([every, all.length, all.slice(-4).map((bar) => bar.calls), all.slice(-4).map((bar) => bar.bad)]).toEqual([1, 30, [3, 0, 5, 0], [0, 0, 2, 0]])
    expect(all.reduce((sum, bar) => sum + bar.calls, 0)).toBe(8)
  })

  it('never are more than 97, whatever the time', () => {
    const { every, bars: all } = bars([minute('2026-11-21T10:00:00Z', 1), minute('2026-11-22T10:00:00Z', 2)], Date.parse('2026-11-22T10:00:00Z'))
    expect(every).toBe(16)
    expect(all.length).toBeLessThanOrEqual(97)
    expect(all.reduce((sum, bar) => sum + bar.calls, 0)).toBe(3)
  })

  it('are none before any call', () => {
    expect(bars([], 0).bars).toEqual([])
  })
})

describe('the last day', () => {
  it('leaves out what was before', () => {
    const at = (minute: string, part: Partial<CallCounts>) => ({ minute, counts: { ...none, ...part } })
    expect(lastDay([at('2026-11-21T09:00:00Z', { created: 9 }), at('2026-11-22T09:00:00Z', { created: 2, deactivated: 1, deleted: 1, failed: 1, rejected: 3 })], Date.parse('2026-11-22T10:00:00Z')))
      .toEqual({ created: 2, updated: 0, off: 2, failed: 4 })
  })
})

const row = (id: string): Call => ({ id, at: '', last_at: '', times: 1, result: 'ok', operation: 'user.create', status: 201, sentence: '', method: 'POST', target: '/Users', took_ms: 1 })

describe('the live list', () => {
  it('shows everything while nobody points at it, and stands still while somebody does', () => {
    const newest = [row('plg_4'), row('plg_3'), row('plg_2')]
    expect(standing(newest, null)).toEqual({ items: newest, waiting: 0 })
    expect(standing(newest, [row('plg_2'), row('plg_1')])).toEqual({ items: [row('plg_2'), row('plg_1')], waiting: 2 })
  })

  it('is spoken of at most every ten seconds', () => {
    const newest = [row('plg_4'), row('plg_3'), row('plg_2')]
    expect([toAnnounce(newest, 'plg_2', 0, 10_000), toAnnounce(newest, 'plg_2', 1, 10_000), toAnnounce(newest, 'plg_4', 0, 10_000)]).toEqual([2, 0, 0])
  })
})

describe('the guided set-up', () => {
  const steps = guides.entra.steps
  const call = row('plg_1')
  const setup = (proven: Proof[], problem?: Call): SyncSetup => ({ used_token: { id: 'tok_1' }, steps: (['called', 'tested', 'person', 'team', 'member', 'deactivated'] as const).map((step) => ({ step, ...(proven.includes(step) && { call }) })), ...(problem && { problem }) })
  const states = (given: SyncSetup | undefined) => Object.fromEntries(ticked(steps, given).map((one) => [one.step.id, one.state]))

  it('ticks nothing before a call', () => {
    expect(Object.values(states(undefined)).includes('done')).toBe(false)
    expect(states(setup([]))).toMatchObject({ app: 'waiting', assign: 'todo', credentials: 'todo', test: 'todo', mail: 'unseen', on: 'todo' })
  })

  it('ticks what a call proves, and waits for the next', () => {
    expect(states(setup(['called', 'tested']))).toMatchObject({ app: 'done', mode: 'done', credentials: 'done', test: 'done', assign: 'waiting', mail: 'unseen', users: 'todo', on: 'todo' })
    expect(states(setup(['called', 'tested', 'person', 'team']))).toMatchObject({ assign: 'done', users: 'done', groups: 'done', on: 'done', mail: 'unseen' })
  })

  it('never ticks a step that no call proves', () => {
    for (const guide of Object.values(guides))
      for (const one of ticked(guide.steps, setup(['called', 'tested', 'person', 'team', 'member', 'deactivated']))) expect(one.state).toBe(one.step.proof ? 'done' : 'unseen')
  })

  it('shows the refused call at the step that is waited for', () => {
    const problem = row('plg_2')
    expect(ticked(steps, setup([], problem))[0]).toMatchObject({ state: 'problem', call: problem })
    expect(states(setup(['called'], problem))).toMatchObject({ app: 'done', assign: 'problem' })
  })

  it('ticks nothing without a token', () => {
    expect(Object.values(states({ steps: [] })).filter((state) => state !== 'todo' && state !== 'unseen')).toEqual([])
  })

  it('begins where something is to be done', () => {
    expect(current(ticked(steps, setup([])))).toBe('app')
    expect(current(ticked(steps, setup(['called', 'tested', 'person', 'team'])))).toBe('on')
  })

  it('knows providers by the names of the log', () => {
    expect(['Entra ID', 'Okta', 'OneLogin', '', null].map(providerOf)).toEqual(['entra', 'okta', 'other', null, null])
  })

  it('shows the attributes of the tutorial', () => {
    expect(steps.filter((step) => step.table).map((step) => step.table)).toEqual(['users', 'groups'])
  })
})

describe('the address of All Members', () => {
  it('takes what can be a filter', () => {
    expect(readMembers({ q: 12, role: 'admin', status: 'inactive', source: 'directory', team: 'tea_1', after: 'MTIz', evil: 1 })).toEqual({ q: '12', role: 'admin', status: 'inactive', source: 'directory', team: 'tea_1', after: 'MTIz' })
    expect(readMembers({ role: 'boss', status: 'gone', source: 'ldap', team: '../x', after: 'a b' })).toEqual({})
  })

  it('begins anew when a filter changes', () => {
    expect(changeMembers({ q: 'ana', after: 'x' }, { role: 'admin' })).toEqual({ q: 'ana', role: 'admin' })
    expect(changeMembers({ role: 'admin', after: 'x' }, { role: undefined })).toEqual({})
    expect([filtered({ after: 'x' }), filtered({ q: 'a' })]).toEqual([false, true])
  })
})

describe('rules', () => {
  it('move within their list and nowhere else', () => {
    expect([moved([1, 2, 3], 0, 2), moved([1, 2, 3], 2, 1), moved([1, 2, 3], 0, -1), moved([1, 2, 3], 3, 0)]).toEqual([[2, 3, 1], [1, 3, 2], [1, 2, 3], [1, 2, 3]])
  })

  it('are compared with their order', () => {
    const a = [{ team_id: 'tea_1', role: 'admin' as const }, { app_role: 'Auditor', role: 'guest' as const }]
    expect([sameRules(a, [...a]), sameRules(a, [...a].reverse()), sameRules(a, a.slice(1))]).toEqual([true, false, false])
    expect([ruleOf(a, 'tea_1')?.place, ruleOf(a, 'tea_2')]).toEqual([1, null])
  })

  const fields: MappingField[] = [
    { field: 'name', sources: ['displayName'], default: ['displayName'], own: false },
    { field: 'title', sources: ['nickName'], default: ['title'], own: true },
  ]
  it('are saved where they are not the default', () => {
    expect(lines(' a \n\n b\n')).toEqual(['a', 'b'])
    expect(ownSources(fields, { name: 'displayName', title: 'nickName' })).toEqual({ title: ['nickName'] })
    expect(ownSources(fields, { name: 'nickName\ndisplayName', title: 'title' })).toEqual({ name: ['nickName', 'displayName'] })
  })

  it('tell what was changed; an emptied field goes by its default', () => {
    expect(changedFields(fields, { name: 'displayName', title: 'nickName' })).toEqual([])
    expect(changedFields(fields, { name: '', title: '' })).toEqual(['title'])
  })

  it('differ between two versions by place and role', () => {
    const mine = [{ team_id: 'tea_1', role: 'admin' as const }, { app_role: 'Auditor', role: 'guest' as const }, { team_id: 'tea_3', role: 'user' as const }]
    const theirs = [{ app_role: 'Auditor', role: 'guest' as const }, { team_id: 'tea_2', role: 'user' as const }, { team_id: 'tea_3', role: 'user' as const }]
    expect(ruleDifferences(mine, mine)).toEqual([])
    expect(ruleDifferences(mine, theirs)).toEqual([
      { rule: mine[0], mine: { place: 1, role: 'admin' }, theirs: null },
      { rule: mine[1], mine: { place: 2, role: 'guest' }, theirs: { place: 1, role: 'guest' } },
      { rule: theirs[1], mine: null, theirs: { place: 2, role: 'user' } },
    ])
  })

  it('that hold by now are what a refused change met', () => {
    const refused = (now: unknown) => new ApiError(409, 'edit_conflict', '', { now })
    const met = metFields(refused({ mapping: { name: ['nickName'], title: ['title'] } }), fields)!
    expect([sourcesOf(met), typedOf(met), differing(fields, met)]).toEqual([{ name: ['nickName'], title: ['title'] }, { name: 'nickName', title: 'title' }, ['name', 'title']])
    expect(met.map((one) => one.own)).toEqual([true, false])
    expect(metSettings(refused({ rules: [], offer_roles: true, keep_on_return: false }))).toEqual({ rules: [], offer_roles: true, keep_on_return: false })
    expect([metFields(refused({ rules: [] }), fields), metSettings(refused({ mapping: {} })), metSettings(new Error())]).toEqual([null, null, null])
  })

  it.each([
    ['nobody was quicker', [1], null, ['save 1'], 9],
    ['somebody was before it was saved: theirs', [2], 'theirs', ['ask 2', 'meet 2 taken'], null],
    ['somebody was, and it goes back', [2], null, ['ask 2'], null],
    ['somebody was, twice: mine', [2, 3], 'mine', ['ask 2', 'meet 2', 'save 2', 'ask 3', 'meet 3', 'save 3'], 9],
    ['both wanted the same', [9], null, ['meet 9 taken'], null],
  ] as const)('are saved over what holds: %s', async (_, held, choice, said, want) => {
    const log: string[] = []
    const now = [...held] as number[]
    const done = await saveOver<number, number>({
      base: 1, read: async () => now[0] ?? 0, same: (a, b) => a === b, wanted: (one) => one === 9,
      meet: (one, taken) => void log.push(`meet ${one}${taken ? ' taken' : ''}`), decide: async (one) => { log.push(`ask ${one}`); return choice },
      metBy: (error) => (typeof error === 'number' ? error : null),
      save: async (was, refused) => { log.push(`save ${was}`); now.shift(); return now[0] ? refused(now[0]) : { done: 9 } },
    })
    expect([log, done]).toEqual([said, want])
  })

  it('are not saved again and again where what was met is what they began with', async () => {
    const saved = saveOver<number, number>({
      base: 1, read: async () => 1, same: (a, b) => a === b, wanted: () => false, meet: () => undefined, decide: async () => 'mine', metBy: () => 1,
      save: async (_, refused) => refused(new Error('of a field that this page does not know')),
    })
    await expect(saved).rejects.toThrow('does not know')
  })
})
