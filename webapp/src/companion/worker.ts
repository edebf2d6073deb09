// The page's side of the service worker: register it, hear of updates, and turn notifications on.
import { workerUrl } from '../shared/worker-url'
import { call, Offline, Problem } from './api'
import { ownScope, pushScope, repair } from './push'
import type { Account } from './store'

/** PushState is how notifications stand; offline means that it could not be found out. */
export type PushState = 'unsupported' | 'install_first' | 'not_offered' | 'ask' | 'denied' | 'on' | 'broken' | 'offline'

let registered: Promise<ServiceWorkerRegistration | null> | undefined

/** registerWorker starts the service worker, or says null where there is none (also behind a certificate that was clicked through). */
export function registerWorker(): Promise<ServiceWorkerRegistration | null> {
  registered ??= 'serviceWorker' in navigator ? register('/').catch(() => null) : Promise.resolve(null)
  return registered
}

function register(scope: string): Promise<ServiceWorkerRegistration> {
  return navigator.serviceWorker.register(workerUrl('/sw.js'), { scope, updateViaCache: 'none' })
}

/** onUpdate calls back when a newer version waits; the returned call restarts into it. */
export async function onUpdate(ready: (restart: () => void) => void): Promise<void> {
  const registration = await registerWorker()
  if (!registration) return
  const offer = (worker: ServiceWorker) => ready(() => {
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true })
    worker.postMessage({ t: 'activate' })
  })
  if (registration.waiting && navigator.serviceWorker.controller) offer(registration.waiting)
  registration.addEventListener('updatefound', () => {
    const worker = registration.installing
    worker?.addEventListener('statechange', () => {
      if (worker.state === 'installed' && navigator.serviceWorker.controller) offer(worker)
    })
  })
}

/** checkUpdate asks for a newer version now. */
export async function checkUpdate(): Promise<void> {
  await (await registerWorker())?.update().catch(() => undefined)
}

/** renew gets the newest version and starts it, whatever waits. */
export async function renew(): Promise<void> {
  const registration = await registerWorker()
  await registration?.update().catch(() => undefined)
  registration?.waiting?.postMessage({ t: 'activate' })
  location.reload()
}

const askable = () => 'PushManager' in globalThis && 'Notification' in globalThis

/** pushState says how notifications stand, and repairs the registration where they were allowed. */
export async function pushState(accounts: Account[], ios: boolean, installed: boolean): Promise<PushState> {
  if (ios && !installed) return 'install_first'
  if (!askable() || !(await registerWorker())) return 'unsupported'
  if (Notification.permission === 'denied') return 'denied'
  if (Notification.permission === 'default') return 'ask'
  return subscribeAll(accounts)
}

/** turnOn asks for the permission; only call it from a tap. */
export async function turnOn(accounts: Account[]): Promise<PushState> {
  const answer = await Notification.requestPermission()
  if (answer !== 'granted') return answer === 'denied' ? 'denied' : 'ask'
  return subscribeAll(accounts)
}

async function subscribeAll(accounts: Account[]): Promise<PushState> {
  try {
    let offered = false
    for (const a of accounts.filter((each) => each.state === 'active')) {
      const registration = await active(await register(pushScope(accounts, a)))
      offered = (await repair(a, registration.pushManager)) || offered
    }
    return offered ? 'on' : 'not_offered'
  } catch (e) {
    return e instanceof Offline ? 'offline' : 'broken'
  }
}

/** active waits for the worker, but not for ever: one that never gets active must not hold up the app. */
function active(registration: ServiceWorkerRegistration): Promise<ServiceWorkerRegistration> {
  return new Promise((ok, no) => {
    const look = () => { if (registration.active) ok(registration) }
    const worker = registration.installing ?? registration.waiting
    worker?.addEventListener('statechange', look)
    setTimeout(() => no(new Error('no worker')), 8000)
    look()
  })
}

export type Trial = 'delivered' | 'late' | 'soon' | 'offline' | { refused: string }

/** The push service may take its time; after this long the person is told what to look at. */
const trialTime = 20_000

/** tryPush has the server send this phone a test notification, and waits until the service worker has shown it. */
export async function tryPush(account: Account): Promise<Trial> {
  const arrived = new Promise<Trial>((ok) => {
    const heard = (e: MessageEvent) => { if (e.data?.t === 'test') end('delivered') }
    const end = (how: Trial) => { clearTimeout(timer); navigator.serviceWorker?.removeEventListener('message', heard); ok(how) }
    const timer = setTimeout(() => end('late'), trialTime)
    navigator.serviceWorker?.addEventListener('message', heard)
  })
  try {
    const got = await call<{ sent: boolean; reason: string }>(account, 'POST', '/v1/device/push/test', {})
    return got.sent ? await arrived : { refused: got.reason }
  } catch (e) {
    if (e instanceof Problem) return e.code === 'rate_limited' ? 'soon' : { refused: e.code }
    return 'offline'
  }
}

/** dropWorker ends the worker that a pairing had for itself. */
export async function dropWorker(account: Account): Promise<void> {
  const scope = ownScope(account)
  const registration = await navigator.serviceWorker?.getRegistration(scope).catch(() => undefined)
  if (registration?.scope === new URL(scope, location.origin).href) await registration.unregister()
}

/** closeNotice takes the notification of an answered request away. */
export async function closeNotice(cid: string): Promise<void> {
  for (const registration of (await navigator.serviceWorker?.getRegistrations().catch(() => [])) ?? []) {
    for (const n of await registration.getNotifications({ tag: cid })) n.close()
  }
}
