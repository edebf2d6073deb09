// The calls of a paired phone that are about the phone itself: what waits for it, what it heard of, and leaving.
import { call, Problem } from './api'
import { dropAccount, type Account } from './store'

export interface Open { cid: string; act: string; exp: number } // exp in Unix seconds
interface List { items: { cid: string; act: string; exp: unknown }[]; server_time: string; server_key?: string }

/** pending lists what waits for an answer of this phone. */
export async function pending(account: Account, signal?: AbortSignal): Promise<{ items: Open[]; server_time: string; server_key?: string }> {
  const got = await call<List>(account, 'GET', '/v1/device/confirmations?state=pending', undefined, signal ? { signal } : {})
  const seconds = (exp: unknown) => (typeof exp === 'number' ? exp : Date.parse(String(exp)) / 1000)
  const server_key = got.server_key
  return { server_time: got.server_time, ...(server_key ? { server_key } : {}), items: got.items.map((i) => ({ cid: i.cid, act: i.act, exp: seconds(i.exp) })) }
}

/** asksPerson is not so for the activation: the pairing itself answers it, and it is never shown. */
export const asksPerson = (i: Pick<Open, 'act'>): boolean => i.act !== 'device.activate'

/** opened tells the waiting dialog that the request is on the screen. */
export async function opened(account: Account, cid: string): Promise<void> {
  await call(account, 'POST', `/v1/device/confirmations/${encodeURIComponent(cid)}/opened`, {})
}

/** Told is a notice of the account's person. */
export interface Told { id: string; kind: string; params: Record<string, unknown>; created_at: string }

/** told asks for the notices of one account. */
export async function told(account: Account): Promise<Told[]> {
  return (await call<{ items: Told[] }>(account, 'GET', '/v1/device/notices')).items
}

/** consoleOf is the address of the console, as the server says it. */
export async function consoleOf(account: Account): Promise<string> {
  const { console_url } = await call<{ console_url?: string }>(account, 'GET', '/v1/device')
  if (!console_url || !/^https?:\/\/[^/?#\s]+$/.test(console_url)) throw new Error('no console')
  return console_url
}

/** remove takes this phone out of the workspace and forgets its keys; one that the server does not know any more is just forgotten. */
export async function remove(account: Account): Promise<void> {
  try {
    await call(account, 'DELETE', '/v1/device')
  } catch (e) {
    if (!(e instanceof Problem) || e.code !== 'unauthorized') throw e
  }
  await dropAccount(account.id)
}
