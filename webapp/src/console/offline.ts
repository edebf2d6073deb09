// The page that says that there is no network comes from a worker that does nothing else (public-console/offline-worker.js).

interface TrustedTypes { createPolicy(name: string, rules: { createScriptURL(s: string): string }): { createScriptURL(s: string): string } }

/** Keeps that page for later, when this one is there. Without a worker the browser says it in its own words. */
export function keepOfflinePage(): void {
  if (!('serviceWorker' in navigator)) return
  const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy('sw', { createScriptURL: (s) => s })
  const url = '/offline-worker.js'
  const start = () => { navigator.serviceWorker.register(policy?.createScriptURL(url) ?? url, { updateViaCache: 'none' }).catch(() => undefined) }
  if (document.readyState === 'complete') start()
  else addEventListener('load', start, { once: true })
}
