import { generateKeyPairSync, sign as nodeSign, type KeyObject } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { endOlder, holdsTo, move, moveSoon } from '../../src/companion/serverkeys'
import { changeAccount, type Account, type ServerKey } from '../../src/companion/store'
import { b64url, lp, utf8 } from '../../src/companion/wire/bytes'
import { newKey } from '../../src/companion/wire/keys'

vi.mock('../../src/companion/store', () => ({ changeAccount: vi.fn(async () => undefined) }))

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const [first, second, stranger] = [pair(), pair(), pair()]
const spki = (k: { publicKey: KeyObject }) => new Uint8Array(k.publicKey.export({ format: 'der', type: 'spki' }))

function announce(by: KeyObject): { kid: string; announcement: string; sig: string } {
  const bytes = utf8(JSON.stringify({ v: 1, kid: 'k1', new: { kid: 'k2', spki: b64url(spki(second)) }, iat: 1 }))
  const sig = nodeSign('sha256', lp('countersign/server-key/v1', bytes), { key: by, dsaEncoding: 'der' })
  return { kid: 'k1', announcement: b64url(bytes), sig: b64url(new Uint8Array(sig)) }
}

let account: Account
let calls: string[]

function server(by: KeyObject): void {
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    calls.push(`${init.method} ${url}`)
    const body = init.method === 'GET' ? { server_key: 'k2', announcements: [announce(by)] } : { server_key: 'k2', old_until: new Date(Date.now() + 5000).toISOString() }
    return new Response(JSON.stringify(body), { status: 200 })
  })
}

beforeEach(async () => {
  calls = []
  vi.mocked(changeAccount).mockClear()
  vi.mocked(changeAccount).mockImplementation(async (_, change) => { calls.push(`keep ${change.serverKeys?.map((k) => k.kid + (k.until ? ' until' : '')).join(', ')}`) })
  account = {
    id: 'dev_' + Math.random(), pairing: 'p', state: 'active', name: '', workspace: { id: 'w', name: '' }, person: { id: 'u', name: '' }, sas: '', offset: 0, pairedAt: 0,
    keys: { uv: await newKey(), poll: await newKey() }, serverKeys: [{ kid: 'k1', spki: spki(first) }],
  }
})
afterEach(() => vi.unstubAllGlobals())

describe('move', () => {
  it('keeps the new key before it tells the server, and ends the old one after', async () => {
    server(first.privateKey)
    expect(holdsTo(account, 'k2')).toBe(false)
    await move(account)
    expect(calls).toEqual(['GET /v1/device/keys', 'keep k2, k1', 'POST /v1/device/keys', 'keep k2, k1 until'])
    expect(holdsTo(account, 'k2')).toBe(true)
  })
  it('goes on where it was cut off after keeping the key', async () => {
    server(first.privateKey)
    account.serverKeys = [{ kid: 'k2', spki: spki(second) }, ...account.serverKeys]
    expect(holdsTo(account, 'k2')).toBe(false)
    await move(account)
    expect(calls).toEqual(['GET /v1/device/keys', 'POST /v1/device/keys', 'keep k2, k1 until'])
  })
  it('pins nothing that a stranger announced, and asks again a minute later at the earliest', async () => {
    server(stranger.privateKey)
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    await moveSoon(account)
    await moveSoon(account)
    expect(calls).toEqual(['GET /v1/device/keys'])
    expect(account.serverKeys.map((k) => k.kid)).toEqual(['k1'])
    expect(warned).toHaveBeenCalledOnce()
  })
})

describe('endOlder', () => {
  const keys: ServerKey[] = [{ kid: 'k3', spki: spki(first) }, { kid: 'k2', spki: spki(first) }, { kid: 'k1', spki: spki(first), until: 100 }]
  const shown = (list: ServerKey[]) => list.map((k) => [k.kid, k.until])
  it('ends the older keys as the server says', () => {
    expect(shown(endOlder(keys, 'k3', 505, 500))).toEqual([['k3', undefined], ['k2', 505], ['k1', 100]])
  })
  it('ends them a minute from now at most, whatever the server says', () => {
    expect(shown(endOlder(keys, 'k3', 999_999, 500))).toEqual([['k3', undefined], ['k2', 560], ['k1', 100]])
  })
  it('forgets what can have nothing under way any more', () => {
    expect(shown(endOlder(keys, 'k3', 800, 800))).toEqual([['k3', undefined], ['k2', 800]])
  })
})
