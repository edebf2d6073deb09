import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { call, callUnsigned, Offline, Outdated, Problem, signature, whenOutdated, type Signer } from '../../src/companion/api'
import { lp, sha256, unb64url, utf8 } from '../../src/companion/wire/bytes'
import { newKey, spki, verify } from '../../src/companion/wire/keys'

vi.mock('../../src/companion/store', () => ({ changeAccount: vi.fn(async () => undefined) }))

type Reply = { status: number; body?: unknown; headers?: Record<string, string> } | 'down'
let by: Signer
let sent: { url: string; init: RequestInit & { headers: Record<string, string> } }[]

function answers(...replies: Reply[]): void {
  vi.stubGlobal('fetch', async (url: string, init: never) => {
    sent.push({ url, init })
    const r = replies.shift() ?? 'down'
    if (r === 'down') throw new TypeError('Failed to fetch')
    const body = r.body === undefined ? null : typeof r.body === 'string' ? r.body : JSON.stringify(r.body)
    return new Response(body, { status: r.status, headers: r.headers ?? {} })
  })
}

const header = (i: number) => sent[i]!.init.headers['X-Device-Sig']!
const part = (i: number, name: string) => new RegExp(`${name}=([^;]+)`).exec(header(i))![1]!

async function signedRight(i: number, method: string, path: string, body: string): Promise<boolean> {
  const message = lp('countersign/request/v1', utf8(method), utf8(path), utf8(part(i, 'ts')), unb64url(part(i, 'jti')), await sha256(utf8(body)))
  return verify(await spki(by.keys.poll.publicKey), message, unb64url(part(i, 'sig')))
}

beforeEach(async () => {
  sent = []
  by = { id: 'dev_1', offset: 0, keys: { uv: await newKey(), poll: await newKey() } }
})
afterEach(() => vi.unstubAllGlobals())

describe('call', () => {
  it('signs method, path with query, time, jti and the hash of the body', async () => {
    answers({ status: 200, body: { ok: true } }, { status: 200, body: {} })
    await call(by, 'GET', '/v1/device/confirmations?state=pending')
    await call(by, 'POST', '/v1/device/confirmations/c/opened', {})
    expect(header(0)).toMatch(/^v1;dev=dev_1;ts=\d{10};jti=[A-Za-z0-9_-]{22};sig=[A-Za-z0-9_-]+$/)
    expect(await signedRight(0, 'GET', '/v1/device/confirmations?state=pending', '')).toBe(true)
    expect(await signedRight(1, 'POST', '/v1/device/confirmations/c/opened', '{}')).toBe(true)
    expect(unb64url(part(0, 'jti')).length).toBe(16)
    expect(part(0, 'jti')).not.toBe(part(1, 'jti'))
  })
  it('sends no cookies and keeps nothing', async () => {
    answers({ status: 204 })
    await call(by, 'DELETE', '/v1/device')
    expect(sent[0]!.init).toMatchObject({ credentials: 'omit', cache: 'no-store', redirect: 'error' })
  })
  it('sets a wrong clock right and asks once more', async () => {
    const server = new Date(Date.now() + 3_600_000).toISOString()
    answers({ status: 401, body: { code: 'clock_skew', server_time: server } }, { status: 200, body: { ok: 1 } })
    expect(await call(by, 'GET', '/p')).toEqual({ ok: 1 })
    expect(Number(part(1, 'ts')) - Number(part(0, 'ts'))).toBeGreaterThan(3590)
  })
  it('does not ask for the time for ever', async () => {
    const skew = { status: 401, body: { code: 'clock_skew', server_time: new Date().toISOString() } }
    answers(skew, skew, skew)
    await expect(call(by, 'GET', '/p')).rejects.toMatchObject({ code: 'clock_skew' })
    expect(sent.length).toBe(2)
  })
  it('makes a request anew that the browser sent twice', async () => {
    answers({ status: 401, body: { code: 'replayed' } }, { status: 200, body: { ok: 1 } })
    await call(by, 'GET', '/p')
    expect(part(0, 'jti')).not.toBe(part(1, 'jti'))
  })
  it('says that nothing is known when the browser goes on doubling', async () => {
    const again: Reply = { status: 401, body: { code: 'replayed' } }
    answers(again, again, again, again)
    await expect(call(by, 'GET', '/p')).rejects.toBeInstanceOf(Offline)
    expect(sent.length).toBe(3)
  })
  it('gives a refusal its code, fields and the time to wait', async () => {
    answers({ status: 429, body: { code: 'rate_limited', detail: 'x' }, headers: { 'Retry-After': '42' } })
    const e = await call(by, 'GET', '/p').catch((x: unknown) => x)
    expect(e).toBeInstanceOf(Problem)
    expect(e).toMatchObject({ status: 429, code: 'rate_limited', retryAfter: 42 })
  })
  it.each<[string, Reply]>([
    ['no network', 'down'],
    ['a page of a captive portal', { status: 200, body: '<html>sign in</html>' }],
    ['a proxy without the service', { status: 502, body: '<html>bad gateway</html>' }],
    ['a service that is starting', { status: 503, body: { code: 'unavailable' } }],
    ['a 404 that is not the service', { status: 404, body: 'not here' }],
  ])('calls %s offline', async (_, reply) => {
    answers(reply)
    await expect(call(by, 'GET', '/p')).rejects.toBeInstanceOf(Offline)
  })
  it('reads an empty success', async () => {
    answers({ status: 200, body: '' })
    expect(await call(by, 'POST', '/p', {})).toBeUndefined()
  })
})

describe('callUnsigned', () => {
  it('carries no signature', async () => {
    answers({ status: 200, body: { id: 'p' } })
    await callUnsigned('POST', '/v1/device/pairings/resolve', { code: 'K7QX93MD' })
    expect(header(0)).toBeUndefined()
    expect(sent[0]!.init.headers['Content-Type']).toBe('application/json')
  })
})

describe('signature', () => {
  it('counts the time in the server\'s seconds', async () => {
    const got = await signature(by, 'GET', '/p', utf8(''), 1767225600, new Uint8Array(16))
    expect(got.startsWith('v1;dev=dev_1;ts=1767225600;jti=AAAAAAAAAAAAAAAAAAAAAA;sig=')).toBe(true)
  })
})

describe('a version that is no longer served', () => {
  const heard: string[] = []
  beforeEach(() => { heard.length = 0; whenOutdated((e) => heard.push(`${e.code} ${e.needs}`)) })
  it.each([
    ['426 with a version', 426, { code: 'upgrade_required', min_app: '2.1.0' }, 'upgrade_required 2.1.0'],
    ['426 of a code that nobody knows yet', 426, { code: 'something_new' }, 'something_new '],
    ['410 of the path', 410, { code: 'version_gone' }, 'version_gone '],
    ['a version that is text of a stranger', 426, { code: 'upgrade_required', min_app: '<b>2</b>' }, 'upgrade_required '],
  ])('%s', async (_, status, body, wanted) => {
    answers({ status, body })
    await expect(call(by, 'GET', '/p')).rejects.toBeInstanceOf(Outdated)
    expect(heard).toEqual([wanted])
  })
  it.each(['confirmation_expired', 'pairing_expired'])('410 %s is about one request', async (code) => {
    answers({ status: 410, body: { code } })
    await expect(call(by, 'GET', '/p')).rejects.not.toBeInstanceOf(Outdated)
    expect(heard).toEqual([])
  })
})
