// The offline shell: the page comes from the net while there is one, hashed files from the cache, and nothing of the API is ever kept.
declare const SHELL_FILES: string[]
declare const SHELL_VERSION: string

const name = `shell-${SHELL_VERSION}`

export async function fill(): Promise<void> {
  const cache = await caches.open(name)
  await cache.addAll(SHELL_FILES.map((path) => new Request(path, { cache: 'reload' })))
}

export async function dropOlder(): Promise<void> {
  for (const key of await caches.keys()) if (key !== name) await caches.delete(key)
}

/** answer says what the worker answers itself; undefined leaves the request to the browser. */
export function answer(request: Request, origin: string): Promise<Response> | undefined {
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== origin || url.pathname.startsWith('/v1/')) return undefined
  if (request.mode === 'navigate') return url.pathname === '/' ? page(request) : undefined
  return SHELL_FILES.includes(url.pathname) ? file(request) : undefined
}

async function page(request: Request): Promise<Response> {
  try {
    const reply = await fetch(request)
    if (reply.status < 500) return reply
  } catch { /* offline */ }
  const cache = await caches.open(name)
  return (await cache.match('/')) ?? Response.error()
}

async function file(request: Request): Promise<Response> {
  const cache = await caches.open(name)
  return (await cache.match(request)) ?? fetch(request)
}
