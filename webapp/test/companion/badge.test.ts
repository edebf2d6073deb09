import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Offline, Problem } from '../../src/companion/api'
import type { Account } from '../../src/companion/store'

const shown: number[] = []
vi.stubGlobal('navigator', { setAppBadge: async (n: number) => { shown.push(n) }, clearAppBadge: async () => { shown.push(0) } })
const waits = new Map<string, string[] | Error>()
vi.mock('../../src/companion/store', () => ({ accounts: async () => [...waits.keys()].map((id) => ({ id, state: 'active' })) }))
vi.mock('../../src/companion/device', async (original) => ({
  ...(await original<object>()),
  pending: async (a: Account) => {
    const acts = waits.get(a.id)!
    if (acts instanceof Error) throw acts
    return { items: acts.map((act) => ({ act })) }
  },
}))
const { recount } = await import('../../src/companion/badge')

const removed = Object.assign(Object.create(Problem.prototype) as Error, { code: 'unauthorized' })
const away = Object.create(Offline.prototype) as Error

describe('the number on the icon', () => {
  beforeEach(() => { shown.length = 0; waits.clear() })

  it.each([
    ['adds up all phones, without an activation', [['scim.token.reveal', 'device.activate'], ['device.add']], [2]],
    ['is taken away when nothing waits', [[]], [0]],
    ['leaves out a phone that cannot be asked', [['device.add'], away], [1]],
    ['stays when nothing is known to wait and one cannot be asked', [[], away], []],
    ['does not wait for a phone that was removed', [[], removed], [0]],
  ])('%s', async (_, lists, want) => {
    lists.forEach((list, i) => waits.set(`dev_${i}`, list))
    await recount()
    expect(shown).toEqual(want)
  })
})
