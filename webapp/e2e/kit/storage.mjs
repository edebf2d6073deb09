// Everything that a browser keeps for the origin of a page, as text.

/** Local and session storage, every database, every cache, as one text; `records` counts what lies in the databases. */
export async function storage(page) {
  return page.evaluate(async () => {
    const asked = (request) => new Promise((ok, no) => {
      request.onsuccess = () => ok(request.result)
      request.onerror = () => no(request.error)
    })
    const plain = (_, value) => {
      if (value instanceof CryptoKey) return { key: value.type, extractable: value.extractable }
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return String.fromCharCode(...new Uint8Array(value.buffer ?? value))
      return value
    }
    const found = { local: { ...localStorage }, session: { ...sessionStorage }, databases: {}, caches: {}, cookies: document.cookie, name: window.name, history: history.state }
    let records = 0
    const keys = []
    for (const { name } of await indexedDB.databases()) {
      const db = await asked(indexedDB.open(name))
      for (const store of db.objectStoreNames) {
        const all = await asked(db.transaction(store).objectStore(store).getAll())
        records += all.length
        for (const a of all) JSON.stringify(a, (_, v) => { if (v instanceof CryptoKey) keys.push(`${v.type} ${v.extractable}`); return v })
        found.databases[`${name}/${store}`] = all
      }
      db.close()
    }
    for (const name of await caches.keys()) {
      const cache = await caches.open(name)
      for (const request of await cache.keys()) {
        const reply = await cache.match(request)
        if (/json|html/.test(reply.headers.get('content-type') ?? '')) found.caches[request.url] = await reply.text()
        else found.caches[request.url] = ''
      }
    }
    return { text: JSON.stringify(found, plain), records, keys, cached: Object.keys(found.caches) }
  })
}
