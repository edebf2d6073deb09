// The server's keys: which one this phone holds to, and how it moves when the server replaces its key. The old key announces the new one; what
// it did not sign is never pinned.
import { call, Offline, Problem } from './api'
import { changeAccount, type Account, type ServerKey } from './store'
import { lp, text, unb64url } from './wire/bytes'
import { isKey, verify } from './wire/keys'

/** Announced is one step from a key to the one that takes over. */
export interface Announced { kid: string; announcement: string; sig: string }
interface Reply { server_key: string; announcements: Announced[] }

/** Coup says that a key was announced by one that may not. */
export class Coup extends Error {}

const domain = 'countersign/server-key/v1'
const longestLife = 600 // seconds between the making of a request and its end
const mostGrace = 60 // seconds for which the old key may still have signed, whatever the server says

const inForce = (keys: ServerKey[]): ServerKey[] => keys.filter((k) => k.until === undefined)

/** holdsTo says whether kid is the one key in force for this phone. */
export function holdsTo(account: Pick<Account, 'serverKeys'>, kid: string): boolean {
  const keys = inForce(account.serverKeys)
  return keys.length === 1 && keys[0]!.kid === kid
}

/** follow checks announcements, in order, from the keys in force to the key want, and gives that key. It pins nothing. */
export async function follow(pinned: ServerKey[], want: string, steps: Announced[]): Promise<ServerKey> {
  let trusted = inForce(pinned)
  for (const step of steps) {
    const by = trusted.find((k) => k.kid === step.kid)
    if (!by) throw new Coup('signer')
    trusted = [await read(step, by)]
  }
  const last = trusted.find((k) => k.kid === want)
  if (!last) throw new Coup('key')
  return last
}

async function read(step: Announced, by: ServerKey): Promise<ServerKey> {
  try {
    const bytes = unb64url(step.announcement)
    if (!(await verify(by.spki, lp(domain, bytes), unb64url(step.sig)))) throw new Coup('signature')
    const a = JSON.parse(text(bytes)) as { v: unknown; kid: unknown; new?: { kid?: unknown; spki?: unknown } }
    const kid = a.new?.kid
    const spki = unb64url(String(a.new?.spki))
    if (a.v !== 1 || a.kid !== by.kid || typeof kid !== 'string' || kid === '' || kid === by.kid || !(await isKey(spki))) throw new Coup('form')
    return { kid, spki }
  } catch (e) {
    if (e instanceof Coup) throw e
    throw new Coup('unreadable', { cause: e })
  }
}

/** endOlder gives every key but one an end, and drops those whose last request is over; times in Unix seconds. */
export function endOlder(keys: ServerKey[], kid: string, oldUntil: number, now: number): ServerKey[] {
  const until = Math.min(oldUntil, now + mostGrace)
  return keys.map((k) => (k.kid === kid || k.until !== undefined ? k : { ...k, until })).filter((k) => k.until === undefined || now <= k.until + longestLife)
}

/** move asks which key to hold to, checks that the old one announced it, keeps it, says so, and gives the older ones an end. */
export async function move(account: Account): Promise<void> {
  const got = await call<Reply>(account, 'GET', '/v1/device/keys')
  const next = await follow(account.serverKeys, got.server_key, got.announcements)
  if (!account.serverKeys.some((k) => k.kid === next.kid)) await pin(account, [next, ...account.serverKeys])
  const moved = await call<{ old_until: string }>(account, 'POST', '/v1/device/keys', { kid: next.kid })
  const now = Math.floor((Date.now() + account.offset) / 1000)
  await pin(account, endOlder(account.serverKeys, next.kid, Math.floor(Date.parse(moved.old_until) / 1000), now))
}

async function pin(account: Account, serverKeys: ServerKey[]): Promise<void> {
  await changeAccount(account.id, { serverKeys })
  account.serverKeys = serverKeys
}

const tried = new Map<string, number>()
const pause = 60_000

/** moveSoon moves, at most once a minute for each phone; where that fails the phone goes on holding to its old key. */
export async function moveSoon(account: Account): Promise<void> {
  const now = Date.now()
  if (now - (tried.get(account.id) ?? -pause) < pause) return
  tried.set(account.id, now)
  try {
    await move(account)
  } catch (e) {
    if (!(e instanceof Coup || e instanceof Problem || e instanceof Offline)) throw e
    if (e instanceof Coup) console.warn('a new server key was announced that the old one did not sign for; it was not pinned')
  }
}
