// The companion's service worker: push, notifications, and the page when there is no net. The app works without it.
import { recount } from '../companion/badge'
import { pushScope, repair } from '../companion/push'
import { accounts } from '../companion/store'
import { asked, closed, news, read, tooLate, trial, unknown, type Notice, type Push } from './notice'
import { answer, dropOlder, fill } from './shell'
import { speak } from './words'

declare const self: ServiceWorkerGlobalScope

self.addEventListener('install', (e) => e.waitUntil(fill()))
self.addEventListener('activate', (e) => e.waitUntil(Promise.all([dropOlder(), self.clients.claim()])))
self.addEventListener('message', (e) => { if (e.data?.t === 'activate') void self.skipWaiting() })
self.addEventListener('fetch', (e) => {
  const reply = answer(e.request, self.location.origin)
  if (reply) e.respondWith(reply)
})

self.addEventListener('push', (e) => e.waitUntil(heard(data(e)).then(recountUnseen)))
self.addEventListener('notificationclick', (e) => {
  e.notification.close()
  e.waitUntil(open((e.notification.data as { cid?: string } | undefined)?.cid))
})
self.addEventListener('pushsubscriptionchange', (e) => (e as ExtendableEvent).waitUntil(subscribeAgain()))

function data(e: PushEvent): Push {
  try {
    return read(e.data?.json())
  } catch {
    return read(undefined)
  }
}

async function heard(push: Push): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  for (const w of windows) w.postMessage({ t: 'push' })
  await speak()
  if (push.t === 'test') {
    await show(trial())
    for (const w of windows) w.postMessage({ t: 'test' })
    return
  }
  if (push.t === 'confirm' && push.cid) return show(push.exp > 0 && push.exp * 1000 < Date.now() ? tooLate(push) : await asked(push))
  if (push.t === 'news') return show(await news())
  if (push.t !== 'done' || !push.cid) return show(unknown())
  await show(await closed(push))
  // Taken away again only where a window is seen: elsewhere a push must leave something on the screen.
  if (!windows.some((w) => w.visibilityState === 'visible')) return
  for (const n of await self.registration.getNotifications({ tag: push.cid })) n.close()
}

/** recountUnseen leaves the number on the icon to the page where one is seen; a hidden one may be frozen. */
async function recountUnseen(): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  if (!windows.some((w) => w.visibilityState === 'visible')) await recount()
}

function show(n: Notice): Promise<void> {
  const options = {
    body: n.body, tag: n.tag, icon: '/icon-192.png', badge: '/badge-96.png', data: { cid: n.cid },
    silent: n.silent ?? false, renotify: !n.silent, // asked again means: heard again
  }
  return self.registration.showNotification(n.title, options)
}

/** open brings the request to the window that is there, or opens one. */
async function open(cid: string | undefined): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const there = windows[0]
  if (there) {
    if (cid) there.postMessage({ t: 'open', cid })
    await there.focus()
    return
  }
  await self.clients.openWindow(cid ? `/#c=${encodeURIComponent(cid)}` : '/')
}

async function subscribeAgain(): Promise<void> {
  const all = await accounts()
  const mine = new URL(self.registration.scope).pathname
  for (const a of all) if (a.state === 'active' && pushScope(all, a) === mine) await repair(a, self.registration.pushManager).catch(() => undefined)
}
