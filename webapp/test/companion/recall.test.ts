import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Account, Answer } from '../../src/companion/store'
import type { Seen } from '../../src/companion/prefs'

vi.stubGlobal('navigator', { onLine: true })
const kept = { seen: undefined as Seen | undefined, answers: [] as Answer[] }
vi.mock('../../src/companion/prefs', () => ({ pref: async () => kept.seen, choose: async () => undefined }))
vi.mock('../../src/companion/store', () => ({ answers: async () => kept.answers, changeAccount: async () => undefined }))
const { Watch } = await import('../../src/companion/watch')

const day = 24 * 3600
const account = { id: 'dev_1', offset: 90 * day * 1000 } as Account // the server is three months ahead of this phone
const serverNow = () => Math.floor((Date.now() + account.offset) / 1000)

async function recalled(): Promise<string[]> {
  const watch = new Watch(() => [account])
  await watch.recall()
  expect(watch.snapshot.remembered).toBe(true)
  return watch.snapshot.requests.map((r) => r.cid)
}

describe('what was seen when the app was open last', () => {
  beforeEach(() => {
    kept.seen = { checkedAt: 1, requests: [{ cid: 'cnf_1', act: 'scim_token.reveal', exp: serverNow() + 200, account: 'dev_1' }] }
    kept.answers = []
  })
  it('is there again', async () => {
    expect(await recalled()).toEqual(['cnf_1'])
  })
  it('lacks what was answered here since, though the app was closed before it asked for the list again', async () => {
    kept.answers = [{ cid: 'cnf_1', account: 'dev_1', workspace: 'Acme', action: 'View', from: 'Zagreb', at: 2, result: 'approved' }]
    expect(await recalled()).toEqual([])
  })
  it('lacks what has expired by the clock of the server', async () => {
    kept.seen!.requests[0]!.exp = serverNow() - 1
    expect(await recalled()).toEqual([])
  })
  it('lacks what was for a phone that is no longer one', async () => {
    kept.seen!.requests[0]!.account = 'dev_2'
    expect(await recalled()).toEqual([])
  })
})
