// What the person chose on this phone, and the last that was seen, in a database of its own: the service worker reads the language from it, and
// an older worker must not stumble over it.

let opened: Promise<IDBDatabase> | undefined

function database(): Promise<IDBDatabase> {
  opened ??= new Promise<IDBDatabase>((ok, no) => {
    const r = indexedDB.open('companion-settings', 1)
    r.onupgradeneeded = () => { r.result.createObjectStore('settings') }
    r.onsuccess = () => {
      r.result.onversionchange = () => { r.result.close(); opened = undefined }
      r.result.onclose = () => { opened = undefined }
      ok(r.result)
    }
    r.onerror = () => { opened = undefined; no(r.error) }
  })
  return opened
}

/** Prefs are what is kept, by name. */
export interface Prefs {
  language: 'en' | 'de'
  unlock: ArrayBuffer // id of the credential that is asked for before an approval
  seen: Seen
}

/** Seen is the last list of open requests, for reading without a connection. */
export interface Seen { checkedAt: number; requests: { cid: string; act: string; exp: number; account: string }[] }

/** pref reads one; undefined where nothing was chosen, or this browser keeps nothing. */
export async function pref<K extends keyof Prefs>(name: K): Promise<Prefs[K] | undefined> {
  try {
    const r = (await database()).transaction('settings').objectStore('settings').get(name) as IDBRequest<Prefs[K] | undefined>
    return await new Promise((ok, no) => { r.onsuccess = () => ok(r.result); r.onerror = () => no(r.error) })
  } catch {
    return undefined
  }
}

/** choose keeps one; undefined takes it away. */
export async function choose<K extends keyof Prefs>(name: K, value: Prefs[K] | undefined): Promise<void> {
  const tx = (await database()).transaction('settings', 'readwrite')
  const store = tx.objectStore('settings')
  if (value === undefined) store.delete(name)
  else store.put(value, name)
  await new Promise<void>((ok, no) => { tx.oncomplete = () => ok(); tx.onabort = () => no(tx.error) })
}
