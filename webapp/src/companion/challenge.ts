// A challenge: the bytes that the server signed for this one phone, checked before a word of them is shown, and the facts in them.
import { call, setClock } from './api'
import type { Account } from './store'
import { b64url, lp, sha256, text, unb64url, utf8, type Bytes } from './wire/bytes'
import { sign, verify } from './wire/keys'

/** Distrust says why a challenge is not shown. */
export type Reason = 'unknown_key' | 'bad_signature' | 'not_for_us' | 'unreadable' | 'too_new' | 'expired'
export class Distrust extends Error {
  constructor(readonly reason: Reason) {
    super(reason)
  }
}

/** Context is what the server says about who asks: the only source of what the phone shows. */
export interface Context {
  action: string
  workspace: string
  person: string
  browser: string
  os: string
  ip: string
  place: string
  since: number // Unix seconds, 0 when not told
  new: string[]
}

export interface Challenge {
  bytes: Bytes
  cid: string
  act: string
  mode: 'tap' | 'code'
  iat: number
  exp: number
  ctx: Context
}

interface Envelope { challenge: string; server_sig: string; kid: string; server_time: string }

/** fetchChallenge pulls one request and checks it. */
export async function fetchChallenge(account: Account, cid: string, options: { timeout?: number } = {}): Promise<Challenge> {
  const got = await call<Envelope>(account, 'GET', `/v1/device/confirmations/${encodeURIComponent(cid)}`, undefined, options)
  await setClock(account, got.server_time)
  return checkChallenge(account, cid, got, (Date.now() + account.offset) / 1000)
}

const longestLife = 600 // seconds between the making of a request and its end
const grace = 60 // how far this clock may be off without the server saying so

/**
 * checkChallenge trusts nothing but a signature by a pinned key, for this phone, person, workspace and request. now is in Unix seconds.
 */
export async function checkChallenge(account: Pick<Account, 'id' | 'workspace' | 'person' | 'serverKeys'>, cid: string, got: Omit<Envelope, 'server_time'>, now: number): Promise<Challenge> {
  const key = account.serverKeys.find((k) => k.kid === got.kid)
  if (!key) throw new Distrust('unknown_key')
  const bytes = decode(got.challenge)
  if (!(await verify(key.spki, lp('countersign/challenge/v1', bytes), decode(got.server_sig)))) throw new Distrust('bad_signature')
  const c = object(bytes)
  if (c['v'] !== 1) throw new Distrust('too_new')
  const ours = c['dev'] === account.id && c['usr'] === account.person.id && c['wsp'] === account.workspace.id
  if (!ours || c['kid'] !== got.kid || c['cid'] !== cid) throw new Distrust('not_for_us')
  if (c['mode'] !== 'tap' && c['mode'] !== 'code') throw new Distrust('too_new') // never answered as something weaker
  const [iat, exp] = [Number(c['iat']) || 0, Number(c['exp']) || 0]
  // A key that was replaced speaks for what it had asked before, and for nothing else.
  if (key.until !== undefined && (iat > key.until || exp > key.until + longestLife)) throw new Distrust('unknown_key')
  if (exp + grace <= now) throw new Distrust('expired')
  return { bytes, cid, act: plain(c['act']), mode: c['mode'], iat, exp, ctx: context(c['ctx']) }
}

function decode(value: string): Bytes {
  try {
    return unb64url(value)
  } catch {
    throw new Distrust('unreadable')
  }
}

function object(bytes: Bytes): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text(bytes))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch { /* falls through */ }
  throw new Distrust('unreadable')
}

function context(value: unknown): Context {
  const c = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  return {
    action: plain(c['action'], wholeAction), workspace: plain(c['workspace']), person: plain(c['person']),
    browser: plain(c['browser']), os: plain(c['os']), ip: plain(c['ip']), place: plain(c['place']),
    since: Number(c['since']) || 0,
    new: Array.isArray(c['new']) ? c['new'].map((fact) => plain(fact)) : [],
  }
}

const longestText = 64 // characters
const wholeAction = 500 // the server's own sentence, with names that it has cut: what is signed is shown to its end

/** plain takes what could lay a false trail out of a text that others chose: controls, bidi marks, endless length. */
export function plain(value: unknown, most = longestText): string {
  if (typeof value !== 'string') return ''
  // Joiners stay: Persian names and emoji need them.
  const clean = value.replace(/(?![\u200c\u200d])\p{Cf}/gu, '').replace(/[\p{Cc}\s]+/gu, ' ').trim()
  const runes = [...clean]
  return runes.length > most ? runes.slice(0, most - 1).join('') + '…' : clean
}

export interface Decision { dec: 'approve' | 'deny'; code?: string; reason?: 'not_me' | 'mistake' }
export interface SignedAnswer { response: string; sig: string }

/** signAnswer makes the response of wire.md §2: an approval by the uv key, a denial by the poll key. */
export async function signAnswer(account: Account, c: Challenge, d: Decision): Promise<SignedAnswer> {
  const response = utf8(JSON.stringify({
    v: 1, cid: c.cid, chs: b64url(await sha256(c.bytes)), dev: account.id, dec: d.dec,
    ...(d.code ? { code: d.code } : {}), ...(d.reason ? { reason: d.reason } : {}),
    uv: 'none', iat: Math.floor((Date.now() + account.offset) / 1000),
  }))
  const key = d.dec === 'approve' ? account.keys.uv : account.keys.poll
  const sig = await sign(key.privateKey, lp('countersign/response/v1', c.bytes, response))
  return { response: b64url(response), sig: b64url(sig) }
}

/** respond sends a signed answer; sending the same one again is the same answer, so a lost reply is simply asked for again. */
export async function respond(account: Account, cid: string, answer: SignedAnswer): Promise<string> {
  const got = await call<{ state: string }>(account, 'POST', `/v1/device/confirmations/${encodeURIComponent(cid)}/respond`, answer)
  return got.state
}
