// The page that says that there is no network comes from a worker that does nothing else (public-console/offline-worker.js).

import { workerUrl } from '../shared/worker-url'

/** Keeps that page for later, when this one is there. Without a worker the browser says it in its own words. */
export function keepOfflinePage(): void {
  if (!('serviceWorker' in navigator)) return
  const start = () => { navigator.serviceWorker.register(workerUrl('/offline-worker.js'), { updateViaCache: 'none' }).catch(() => undefined) }
  if (document.readyState === 'complete') start()
  else addEventListener('load', start, { once: true })
}
