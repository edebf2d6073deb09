// One call to the server: signed by the poll key where the phone is known, no cookies, and errors that say what they are.
import { b64url, lp, random, sha256, utf8, type Bytes } from './wire/bytes'
import { sign } from './wire/keys'
import { changeAccount, type Account } from './store'

/** Problem is an answer of the server that is not a success (RFC 9457, with its stable code). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly fields: Record<string, unknown> = {},
    readonly retryAfter = 0, // seconds
  ) {
    super(`${status} ${code}`)
  }
}

/** Outdated says that this version of the app is no longer served (docs/mobile.md §9); a call that would work needs a newer one. */
export class Outdated extends Problem {
  /** The lowest version that the server takes, where it says so. */
  get needs(): string {
    const version = this.fields['min_app']
    return typeof version === 'string' && /^[0-9A-Za-z.+-]{1,32}$/.test(version) ? version : ''
  }
}

/** gone are the 410s that speak of one object; every other speaks of this version of the app. */
const gone = ['confirmation_expired', 'pairing_expired']

let outdated: ((e: Outdated) => void) | undefined

/** whenOutdated hears of every call that was refused because of the app's version. */
export function whenOutdated(heard: (e: Outdated) => void): void {
  outdated = heard
}

/** Offline says that no answer came, or one that is not the service's: the same call may work later. */
export class Offline extends Error {}

export type Signer = Pick<Account, 'id' | 'offset' | 'keys'>
export interface CallOptions { signal?: AbortSignal; timeout?: number }

/** signature is the X-Device-Sig header (wire.md §2). */
export async function signature(by: Signer, method: string, path: string, body: Bytes, ts: number, jti: Bytes): Promise<string> {
  const parts = [utf8(method), utf8(path), utf8(String(ts)), jti, await sha256(body)]
  const sig = await sign(by.keys.poll.privateKey, lp('countersign/request/v1', ...parts))
  return `v1;dev=${by.id};ts=${ts};jti=${b64url(jti)};sig=${b64url(sig)}`
}

/**
 * call sends a signed request. A wrong clock is set right by the server's once. A request that the browser itself sent twice is refused as
 * replayed; what became of the first is not known then, so it is made anew, and in the end counts as unanswered.
 */
export async function call<T>(by: Signer, method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
  const bytes = body === undefined ? utf8('') : utf8(JSON.stringify(body))
  let setRight = false
  for (let tries = 1; ; tries++) {
    const ts = Math.floor((Date.now() + by.offset) / 1000)
    const header = await signature(by, method, path, bytes, ts, random(16))
    try {
      return await send<T>(method, path, body === undefined ? undefined : bytes, { 'X-Device-Sig': header }, options)
    } catch (e) {
      if (!(e instanceof Problem) || e.status !== 401) throw e
      if (e.code === 'clock_skew' && !setRight) {
        setRight = true
        await setClock(by, e.fields['server_time'])
      } else if (e.code !== 'replayed') throw e
      else if (tries >= 3) throw new Offline('replayed')
    }
  }
}

/** callUnsigned is for the two calls that a phone makes before the server knows it. */
export function callUnsigned<T>(method: string, path: string, body: unknown, options: CallOptions = {}): Promise<T> {
  return send<T>(method, path, utf8(JSON.stringify(body)), {}, options)
}

/** setClock remembers how far the server's clock is ahead; a second or two of travel is not worth writing down. */
export async function setClock(by: Signer, serverTime: unknown): Promise<void> {
  const server = Date.parse(String(serverTime))
  if (Number.isNaN(server)) return
  const offset = server - Date.now()
  if (Math.abs(offset - by.offset) < 2000) return
  by.offset = offset
  await changeAccount(by.id, { offset })
}

async function send<T>(method: string, path: string, body: Bytes | undefined, headers: Record<string, string>, options: CallOptions): Promise<T> {
  if (body) headers['Content-Type'] = 'application/json'
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), options.timeout ?? 10_000)
  const leave = () => stop.abort()
  if (options.signal?.aborted) stop.abort()
  options.signal?.addEventListener('abort', leave)
  try {
    const reply = await fetch(path, { method, headers, credentials: 'omit', cache: 'no-store', redirect: 'error', signal: stop.signal, ...(body ? { body } : {}) })
    return await read<T>(reply)
  } catch (e) {
    if (e instanceof Problem) throw e
    throw new Offline(method + ' ' + path, { cause: e })
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', leave)
  }
}

async function read<T>(reply: Response): Promise<T> {
  const body = await reply.text()
  if (reply.ok && body === '') return undefined as T
  const fields = parse(body)
  if (reply.ok && fields) return fields as T
  // Without a body of ours it was a proxy or a captive portal that answered.
  if (typeof fields?.['code'] !== 'string' || reply.status >= 500) throw new Offline(String(reply.status))
  if (reply.status === 426 || (reply.status === 410 && !gone.includes(fields['code']))) {
    const e = new Outdated(reply.status, fields['code'], fields)
    outdated?.(e)
    throw e
  }
  throw new Problem(reply.status, fields['code'], fields, Number(reply.headers.get('Retry-After')) || 0)
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
