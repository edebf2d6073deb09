import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Account } from '../../src/companion/store'
import type { Told } from '../../src/companion/device'
import en from '../../src/i18n/en-companion.json'

const words = Object.fromEntries(Object.entries(en).filter(([k]) => k.startsWith('companion.notice.')).map(([k, v]) => [k.replace('companion.notice.', ''), v]))
vi.stubGlobal('navigator', { language: 'en' })
vi.stubGlobal('NOTICE_WORDS', { en: words, de: words })
const held = { accounts: [] as Account[], told: new Map<string, Told[] | Error>() }
vi.mock('../../src/companion/store', () => ({ accounts: async () => held.accounts, changeAccount: async () => undefined }))
vi.mock('../../src/companion/device', () => ({
  told: async (a: Account) => {
    const list = held.told.get(a.id) ?? []
    if (list instanceof Error) throw list
    return list
  },
}))
const { news } = await import('../../src/sw/notice')

const account = (id: string, workspace: string, state = 'active') => ({ id, state, offset: 0, workspace: { id: workspace, name: workspace } }) as unknown as Account
const notice = (id: string, kind: string, hoursAgo: number): Told => ({ id, kind, params: { hint: '9f2c' }, created_at: new Date(Date.now() - hoursAgo * 3600_000).toISOString() })

describe('a push that says that there is something to read', () => {
  beforeEach(() => {
    held.accounts = [account('dev_1', 'Acme'), account('dev_2', 'Globex')]
    held.told = new Map()
  })
  it('names the newest of what is worth a push, and its workspace', async () => {
    held.told.set('dev_1', [notice('ntc_1', 'device.added', 0), notice('ntc_2', 'removal.held', 3)])
    held.told.set('dev_2', [notice('ntc_3', 'ownership.frozen', 1)])
    expect(await news()).toEqual({ title: 'Countersign', body: 'Globex: the Owner was turned off. Take over ownership on the computer.', tag: 'ntc_3' })
  })
  it('has the fixed words where nothing fits, because something must be shown', async () => {
    held.told.set('dev_1', [notice('ntc_1', 'token.expiring', 30), notice('ntc_2', 'device.removed', 0)])
    held.told.set('dev_2', new Error('no network'))
    expect(await news()).toMatchObject({ title: 'Countersign', body: 'Open Countersign to see what is new.' })
  })
})
