// Pairing (wire.md §3): resolve a typed code, claim with two new keys, wait for "They match", answer the first challenge.
import { call, callUnsigned, Offline, Problem } from './api'
import { pending } from './device'
import { fetchChallenge, respond, signAnswer, plain } from './challenge'
import { addAccount, changeAccount, dropAccount, type Account, type Named } from './store'
import { b64url, lp, sha256, unb64url, utf8, type Bytes } from './wire/bytes'
import type { PairLink } from './wire/code'
import { newKey, sas, sign, spki } from './wire/keys'

export interface Invitation extends PairLink { workspace?: Named; person?: Named }

/** Mismatch says that the server's six digits are not those of the keys seen here: somebody is in between. */
export class Mismatch extends Error {}

/** resolve turns a typed code (in its normal form) into an invitation; the code is the secret then. */
export async function resolve(code: string): Promise<Invitation> {
  const got = await callUnsigned<{ id: string; workspace: unknown; person: unknown }>('POST', '/v1/device/pairings/resolve', { code })
  return { id: got.id, secret: code, workspace: named(got.workspace), person: named(got.person) }
}

/** named reads a workspace or person of a reply. */
function named(value: unknown): Named {
  const v = (typeof value === 'object' && value !== null ? value : { name: value }) as Record<string, unknown>
  return { id: String(v['id'] ?? ''), name: plain(v['name']) }
}

export interface Phone { name: string; os: string; app: string }

interface Claimed { device_id: string; workspace: unknown; person: unknown; server_keys: { kid: string; spki: string }[]; sas: string }

/** claim makes the phone's two keys and offers them. The account is kept before the digits are compared, so a closed app can go on. */
export async function claim(to: Invitation, phone: Phone): Promise<Account> {
  const keys = { uv: await newKey(), poll: await newKey() }
  const uv = await spki(keys.uv.publicKey)
  const poll = await spki(keys.poll.publicKey)
  const payload = utf8(JSON.stringify({ secret: to.secret, name: phone.name, platform: 'web', os: phone.os, app: phone.app, keys: { uv: b64url(uv), poll: b64url(poll) } }))
  const message = await claimMessage(to, uv, poll, payload)
  const body = {
    payload: b64url(payload),
    sig_uv: b64url(await sign(keys.uv.privateKey, message)),
    sig_poll: b64url(await sign(keys.poll.privateKey, message)),
  }
  const got = await callUnsigned<Claimed>('POST', `/v1/device/pairings/${encodeURIComponent(to.id)}/claim`, body)
  const serverKeys = got.server_keys.map((k) => ({ kid: k.kid, spki: unb64url(k.spki) }))
  const digits = await sas(utf8(to.id), uv, poll, serverKeys[0]!.spki)
  if (digits !== got.sas) throw new Mismatch()
  const account: Account = {
    id: got.device_id, pairing: to.id, state: 'claimed', name: phone.name,
    workspace: named(got.workspace), person: named(got.person),
    sas: digits, keys, serverKeys, offset: 0, pairedAt: Date.now(),
  }
  await addAccount(account)
  return account
}

/** claimMessage is what both keys sign. */
export async function claimMessage(to: PairLink, uv: Bytes, poll: Bytes, payload: Bytes): Promise<Bytes> {
  return lp('countersign/pair/v1', utf8(to.id), await sha256(utf8(to.secret)), uv, poll, await sha256(payload))
}

export type PairState = 'claimed' | 'matched' | 'active' | 'refused' | 'expired'

/** waitForMatch holds the call until the pairing leaves the state, up to 25 s. */
export async function waitForMatch(account: Account, since: PairState, signal: AbortSignal): Promise<PairState> {
  const path = `/v1/device/pairings/${encodeURIComponent(account.pairing)}?wait=25&since=${since}`
  const got = await call<{ state: PairState }>(account, 'GET', path, undefined, { signal, timeout: 35_000 })
  return got.state
}

/** activate answers the one challenge that a matched phone gets. It says false while there is none yet. */
export async function activate(account: Account): Promise<boolean> {
  const list = await pending(account)
  const asked = list.items.find((i) => i.act === 'device.activate')
  if (!asked) return false
  const challenge = await fetchChallenge(account, asked.cid)
  if (challenge.act !== 'device.activate') return false
  await respond(account, challenge.cid, await signAnswer(account, challenge, { dec: 'approve' }))
  return true
}

/** resume asks once how a pairing that was left before its end stands now, and brings it to its end where it can. */
export async function resume(account: Account): Promise<void> {
  const path = `/v1/device/pairings/${encodeURIComponent(account.pairing)}`
  const state = async () => (await call<{ state: PairState }>(account, 'GET', path)).state
  try {
    let now = await state()
    if (now === 'matched' && (await activate(account))) now = await state()
    if (now === 'active' || now === 'refused' || now === 'expired') await settle(account, now)
  } catch (e) {
    if (e instanceof Problem && (e.code === 'unauthorized' || e.code === 'not_found')) await settle(account, 'refused')
  }
}

/** settle writes down how a pairing ended. */
export async function settle(account: Account, state: 'active' | 'refused' | 'expired'): Promise<void> {
  if (state !== 'active') return dropAccount(account.id)
  account.state = 'active'
  await changeAccount(account.id, { state: 'active' })
}

/** PairError is a refusal while pairing, in the words of the screens. */
export type PairError = 'wrong' | 'used' | 'expired' | 'limited' | 'offline' | 'mismatch' | 'failed'

/** pairError maps the refusals of wire.md §3. */
export function pairError(e: unknown): PairError {
  if (e instanceof Offline) return 'offline'
  if (e instanceof Mismatch) return 'mismatch'
  if (!(e instanceof Problem)) return 'failed'
  const known: Record<string, PairError> = { not_found: 'wrong', already_claimed: 'used', pairing_expired: 'expired', rate_limited: 'limited' }
  return known[e.code] ?? 'failed'
}
