import { generateKeyPairSync, sign as nodeSign, type KeyObject } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { checkChallenge, Distrust, plain, signAnswer, type Challenge, type Decision } from '../../src/companion/challenge'
import type { Account } from '../../src/companion/store'
import { b64url, lp, sha256, text, unb64url, utf8, type Bytes } from '../../src/companion/wire/bytes'
import { newKey, spki, verify } from '../../src/companion/wire/keys'

const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const fields = {
  v: 1, kid: 'k1', cid: 'cnf_1', wsp: 'wsp_1', usr: 'ppl_1', dev: 'dev_1', act: 'scim.token.reveal', res: 'scim_token:t', par: '', ses: 's', non: 'n', mode: 'tap',
  ctx: { action: 'View the SCIM API authentication token', workspace: 'Acme', person: 'Ana Kovač', browser: 'Chrome', os: 'Windows', ip: '192.0.2.7', since: 1767225000, new: ['browser'] },
  iat: 1767225600, exp: 1767225900,
}
let account: Account

beforeAll(async () => {
  account = {
    id: 'dev_1', pairing: 'par_1', state: 'active', name: 'iPhone', workspace: { id: 'wsp_1', name: 'Acme' }, person: { id: 'ppl_1', name: 'Ana Kovač' },
    sas: '000000', keys: { uv: await newKey(), poll: await newKey() }, offset: 0, pairedAt: 0,
    serverKeys: [{ kid: 'k1', spki: new Uint8Array(server.publicKey.export({ format: 'der', type: 'spki' })) }],
  }
})

function envelope(change: object = {}, by: KeyObject = server.privateKey, domain = 'countersign/challenge/v1') {
  const bytes = utf8(JSON.stringify({ ...fields, ...change }))
  const sig = new Uint8Array(nodeSign('sha256', lp(domain, bytes), { key: by, dsaEncoding: 'der' }))
  return { challenge: b64url(bytes), server_sig: b64url(sig), kid: 'k1' }
}

const reason = (e: unknown) => (e instanceof Distrust ? e.reason : String(e))

describe('checkChallenge', () => {
  it('reads what the server signed', async () => {
    const c = await checkChallenge(account, 'cnf_1', envelope(), fields.iat)
    expect(c).toMatchObject({ cid: 'cnf_1', act: 'scim.token.reveal', mode: 'tap', exp: 1767225900 })
    expect(c.ctx).toMatchObject({ person: 'Ana Kovač', place: '', new: ['browser'] })
    expect(text(c.bytes)).toContain('"kid":"k1"')
  })
  it('lets the sentence that is signed be read to its end, and nothing else be long', async () => {
    const action = 'Regenerate the SCIM API authentication token. The old one works 24 hours more. Reason: “Token expiration compliance”'
    const c = await checkChallenge(account, 'cnf_1', envelope({ ctx: { ...fields.ctx, action, browser: 'x'.repeat(100) } }), fields.iat)
    expect(c.ctx.action).toBe(action)
    expect(c.ctx.browser).toHaveLength(64)
  })
  it.each<[string, () => ReturnType<typeof envelope>, string]>([
    ['a key that was not pinned', () => ({ ...envelope(), kid: 'k2' }), 'unknown_key'],
    ['a stranger\'s signature', () => envelope({}, stranger.privateKey), 'bad_signature'],
    ['a signature for another purpose', () => envelope({}, server.privateKey, 'countersign/response/v1'), 'bad_signature'],
    ['bytes that were changed', () => ({ ...envelope(), challenge: envelope({ mode: 'code' }).challenge }), 'bad_signature'],
    ['another phone', () => envelope({ dev: 'dev_2' }), 'not_for_us'],
    ['another workspace', () => envelope({ wsp: 'wsp_2' }), 'not_for_us'],
    ['another person', () => envelope({ usr: 'ppl_2' }), 'not_for_us'],
    ['another request', () => envelope({ cid: 'cnf_2' }), 'not_for_us'],
    ['a key id that differs inside', () => envelope({ kid: 'k3' }), 'not_for_us'],
    ['a newer version', () => envelope({ v: 2 }), 'too_new'],
    ['a mode that is not known', () => envelope({ mode: 'scan' }), 'too_new'],
    ['one whose time is over', () => envelope({ exp: fields.iat - 61 }), 'expired'],
    ['no base64url', () => ({ ...envelope(), challenge: '***' }), 'unreadable'],
  ])('refuses %s', async (_, make, want) => {
    expect(reason(await checkChallenge(account, 'cnf_1', make(), fields.iat).catch((e: unknown) => e))).toBe(want)
  })
})

describe('signAnswer', () => {
  const answer = async (d: Decision) => {
    const c: Challenge = await checkChallenge(account, 'cnf_1', envelope(), fields.iat)
    const got = await signAnswer(account, c, d)
    const bytes: Bytes = unb64url(got.response)
    const message = lp('countersign/response/v1', c.bytes, bytes)
    const by = async (key: CryptoKey) => verify(await spki(key), message, unb64url(got.sig))
    return { c, json: JSON.parse(text(bytes)) as Record<string, unknown>, uv: await by(account.keys.uv.publicKey), poll: await by(account.keys.poll.publicKey) }
  }
  it('approves with the uv key', async () => {
    const a = await answer({ dec: 'approve', code: '482913' })
    expect(a.uv).toBe(true)
    expect(a.poll).toBe(false)
    expect(Object.keys(a.json)).toEqual(['v', 'cid', 'chs', 'dev', 'dec', 'code', 'uv', 'iat'])
    expect(a.json).toMatchObject({ v: 1, cid: 'cnf_1', chs: b64url(await sha256(a.c.bytes)), dev: 'dev_1', dec: 'approve', code: '482913', uv: 'none' })
  })
  it('denies with the poll key, at first without a reason', async () => {
    const a = await answer({ dec: 'deny' })
    expect(a.poll).toBe(true)
    expect(Object.keys(a.json)).toEqual(['v', 'cid', 'chs', 'dev', 'dec', 'uv', 'iat'])
  })
  it('says the reason in a second denial', async () => {
    expect((await answer({ dec: 'deny', reason: 'not_me' })).json).toMatchObject({ dec: 'deny', reason: 'not_me' })
  })
})

describe('plain', () => {
  it.each([
    ['a bidi override', 'Chrome\u202Egpj.exe', 'Chromegpj.exe'],
    ['line breaks', 'Chrome\n\nIt was you\t!', 'Chrome It was you !'],
    ['markup, which is text', '<b>x</b>', '<b>x</b>'],
    ['endless text', 'x'.repeat(100), 'x'.repeat(63) + '…'],
    ['joiners that names need', 'می\u200cخواهم', 'می\u200cخواهم'],
    ['what is no text', 7, ''],
  ])('defuses %s', (_, value, want) => {
    expect(plain(value)).toBe(want)
  })
})
