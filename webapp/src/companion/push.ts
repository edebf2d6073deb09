// Web Push for this phone. Nothing else depends on it: without it requests appear while the app is open. Used by the page and by the
// service worker, so it asks for no window.
import { call } from './api'
import { changeAccount, type Account } from './store'
import { unb64url, type Bytes } from './wire/bytes'

/** ownScope is the scope of the worker that serves the pushes of one pairing only. */
export const ownScope = (account: Pick<Account, 'id'>): string => `/push/${account.id}/`

/**
 * pushScope says which worker receives the pushes of an account. The server keeps an address for one phone only, so two pairings in one
 * browser need two subscriptions, and a browser gives one to each scope. The oldest pairing has the page's own.
 */
export const pushScope = (accounts: Account[], account: Account): string => (accounts.find((a) => a.state !== 'removed')?.id === account.id ? '/' : ownScope(account))

interface Channel { vapid_public_key: string; registered: boolean; resubscribe?: boolean }

/** repair makes sure that the server holds this browser's subscription. It says false when the server offers no Web Push. */
export async function repair(account: Account, manager: PushManager): Promise<boolean> {
  const channel = await call<Channel>(account, 'GET', '/v1/device/push')
  if (!channel.vapid_public_key) return false
  const key = unb64url(channel.vapid_public_key)
  const found = await manager.getSubscription()
  const fits = found !== null && !channel.resubscribe && sameKey(found.options?.applicationServerKey, key)
  if (found && !fits) await found.unsubscribe() // the server's key was rotated
  const subscription = fits ? found : await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  if (channel.registered && account.endpoint === subscription.endpoint) return true
  const { endpoint, keys } = subscription.toJSON()
  await call(account, 'PUT', '/v1/device/push', { push: { kind: 'webpush', endpoint, keys: { p256dh: keys?.['p256dh'], auth: keys?.['auth'] }, vapid_public_key: channel.vapid_public_key } })
  account.endpoint = subscription.endpoint
  await changeAccount(account.id, { endpoint: subscription.endpoint })
  return true
}

function sameKey(had: ArrayBuffer | null | undefined, want: Bytes): boolean {
  if (!had) return true // not told: the subscription is trusted
  const bytes = new Uint8Array(had)
  return bytes.length === want.length && bytes.every((b, i) => b === want[i])
}
