// What this phone keeps, in IndexedDB: one account for each pairing (several workspaces or people may share a phone), and the
// answers given here. The service worker reads the same store, so every change is one transaction that reads what it writes over.
import type { Bytes } from './wire/bytes'

/** ServerKey is a key that this phone believes; until (Unix seconds) is the end of one that the server replaced. */
export interface ServerKey { kid: string; spki: Bytes; until?: number }
export interface Named { id: string; name: string }

/** Account is one pairing: who it answers for, with which keys, and which server keys it trusts. */
export interface Account {
  id: string // the device id
  pairing: string
  state: 'claimed' | 'active' | 'removed'
  name: string
  workspace: Named
  person: Named
  sas: string
  keys: { uv: CryptoKeyPair; poll: CryptoKeyPair }
  serverKeys: ServerKey[]
  offset: number // milliseconds that the server's clock is ahead of this one
  pairedAt: number
  endpoint?: string // the push subscription that the server was told
}

/** Answer is a line of the history, kept for thirty days. */
export interface Answer {
  cid: string
  account: string
  workspace: string
  action: string
  from: string
  at: number
  result: 'approved' | 'denied'
}

const keepAnswers = 30 * 24 * 3600_000

let opened: Promise<IDBDatabase> | undefined

function database(): Promise<IDBDatabase> {
  opened ??= new Promise<IDBDatabase>((ok, no) => {
    const r = indexedDB.open('companion', 1)
    r.onupgradeneeded = () => {
      r.result.createObjectStore('accounts', { keyPath: 'id' })
      r.result.createObjectStore('answers', { keyPath: 'cid' })
    }
    r.onsuccess = () => {
      // A newer page may need to change the schema: let it.
      r.result.onversionchange = () => { r.result.close(); opened = undefined }
      r.result.onclose = () => { opened = undefined }
      ok(r.result)
    }
    r.onerror = () => { opened = undefined; no(r.error) }
  })
  return opened
}

const done = <T>(r: IDBRequest<T>) => new Promise<T>((ok, no) => { r.onsuccess = () => ok(r.result); r.onerror = () => no(r.error) })
const ended = (tx: IDBTransaction) => new Promise<void>((ok, no) => { tx.oncomplete = () => ok(); tx.onabort = () => no(tx.error) })

export async function accounts(): Promise<Account[]> {
  const db = await database()
  const all = (await done(db.transaction('accounts').objectStore('accounts').getAll())) as Account[]
  return all.sort((a, b) => a.pairedAt - b.pairedAt)
}

export async function addAccount(account: Account): Promise<void> {
  const tx = (await database()).transaction('accounts', 'readwrite')
  tx.objectStore('accounts').put(account)
  await ended(tx)
}

/** changeAccount writes over some fields of an account; one that is gone stays gone. */
export async function changeAccount(id: string, change: Partial<Account>): Promise<void> {
  const tx = (await database()).transaction('accounts', 'readwrite')
  const all = tx.objectStore('accounts')
  const get = all.get(id)
  get.onsuccess = () => { if (get.result) all.put({ ...(get.result as Account), ...change }) }
  await ended(tx)
}

/** dropAccount forgets a pairing; its keys go with it. */
export async function dropAccount(id: string): Promise<void> {
  const tx = (await database()).transaction('accounts', 'readwrite')
  tx.objectStore('accounts').delete(id)
  await ended(tx)
}

export async function recordAnswer(answer: Answer): Promise<void> {
  const tx = (await database()).transaction('answers', 'readwrite')
  tx.objectStore('answers').put(answer)
  await ended(tx)
}

/** answers lists what was answered here, newest first, and forgets what is older than thirty days. */
export async function answers(now = Date.now()): Promise<Answer[]> {
  const tx = (await database()).transaction('answers', 'readwrite')
  const store = tx.objectStore('answers')
  const all = (await done(store.getAll())) as Answer[]
  for (const a of all) if (now - a.at > keepAnswers) store.delete(a.cid)
  await ended(tx)
  return all.filter((a) => now - a.at <= keepAnswers).sort((a, b) => b.at - a.at)
}
