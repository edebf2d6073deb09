// Asks the server what waits for this phone: at once when the app is opened, seen again or back on the net, then every few seconds
// while it is visible. Push is only a hint; this is how a request is found without it.
import { Offline, Problem, setClock } from './api'
import { asksPerson, pending, type Open } from './device'
import { choose, pref } from './prefs'
import { holdsTo, moveSoon } from './serverkeys'
import { answers, changeAccount, type Account } from './store'

export interface Waiting extends Open { account: Account }

/** Snapshot is what waits, as the server said it last; remembered when that was before the app was opened. */
export interface Snapshot { requests: Waiting[]; checkedAt: number; online: boolean; remembered?: boolean }

const visible = 3_000
const hidden = 30_000
const retryMost = 30_000
const keepEvery = 60_000 // how often the time of an unchanged list is written down

/** nextDelay is the pause before the next question: 1, 2, 4 … 30 s after failures. */
export function nextDelay(failures: number, isVisible: boolean, retryAfter = 0): number {
  if (failures > 0) return Math.max(Math.min(1000 * 2 ** (failures - 1), retryMost), retryAfter * 1000)
  return isVisible ? visible : hidden
}

export class Watch {
  snapshot: Snapshot = { requests: [], checkedAt: 0, online: navigator.onLine }
  private readonly listeners = new Set<(s: Snapshot) => void>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private failures = 0
  private retryAfter = 0
  private running: Promise<void> | undefined
  private again = false
  private first = true
  private stopped = false
  private kept = { open: '', at: 0 }

  constructor(private readonly accounts: () => Account[]) {}

  start(): void {
    const now = () => { this.failures = 0; void this.check() }
    document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') now() })
    addEventListener('pageshow', now)
    addEventListener('focus', now)
    addEventListener('online', now)
    addEventListener('offline', () => this.tell({ ...this.snapshot, online: false }))
    navigator.serviceWorker?.addEventListener('message', (e) => { if (e.data?.t === 'push') now() })
    void this.check()
  }

  /** stop asks nothing any more. */
  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }

  /** recall brings back what was seen when the app was open last, for reading without a connection. */
  async recall(): Promise<void> {
    const seen = await pref('seen')
    if (!seen || this.snapshot.checkedAt > 0) return
    const of = new Map(this.accounts().map((a) => [a.id, a]))
    const answered = new Set((await answers().catch(() => [])).map((a) => a.cid)) // the app may have been closed before the list was asked for again
    const requests = seen.requests.flatMap((r) => {
      const account = of.get(r.account)
      return account && !answered.has(r.cid) && r.exp * 1000 > Date.now() + account.offset ? [{ cid: r.cid, act: r.act, exp: r.exp, account }] : []
    })
    this.snapshot = { requests, checkedAt: seen.checkedAt, online: navigator.onLine, remembered: true }
  }

  /** listen hears every snapshot until the returned function is called. */
  listen(heard: (s: Snapshot) => void): () => void {
    this.listeners.add(heard)
    return () => this.listeners.delete(heard)
  }

  /** check asks now; a call during a question asks once more after it. */
  check(): Promise<void> {
    if (this.stopped) return Promise.resolve()
    if (this.running) { this.again = true; return this.running }
    clearTimeout(this.timer)
    this.running = this.ask().finally(() => {
      this.running = undefined
      if (this.stopped) return
      if (this.again) { this.again = false; void this.check(); return }
      this.timer = setTimeout(() => void this.check(), nextDelay(this.failures, document.visibilityState === 'visible', this.retryAfter))
    })
    return this.running
  }

  private async ask(): Promise<void> {
    // A removed phone is asked about once more when the app starts: the service may have been the one at fault.
    const asked = this.accounts().filter((a) => a.state === 'active' || (a.state === 'removed' && this.first))
    this.first = false
    this.retryAfter = 0
    const lists = await Promise.all(asked.map((a) => this.list(a)))
    const failed = lists.some((l) => l === 'failed')
    this.failures = failed ? this.failures + 1 : 0
    const offline = failed && lists.every((l) => l === 'failed')
    const requests = lists.flatMap((l, i) => (l === 'failed' ? this.before(asked[i]!) : l))
    this.tell({
      requests: requests.sort((a, b) => a.exp - b.exp),
      checkedAt: offline ? this.snapshot.checkedAt : Date.now(),
      online: !offline && (asked.length > 0 || navigator.onLine),
      remembered: offline && this.snapshot.remembered,
    })
    if (!offline) void this.keep()
  }

  private async keep(): Promise<void> {
    const { checkedAt, requests } = this.snapshot
    const open = requests.map((r) => r.cid).join()
    if (open === this.kept.open && checkedAt - this.kept.at < keepEvery) return
    this.kept = { open, at: checkedAt }
    await choose('seen', { checkedAt, requests: requests.map((r) => ({ cid: r.cid, act: r.act, exp: r.exp, account: r.account.id })) }).catch(() => undefined)
  }

  private before(account: Account): Waiting[] {
    return this.snapshot.requests.filter((r) => r.account.id === account.id)
  }

  private async list(account: Account): Promise<Waiting[] | 'failed'> {
    try {
      const got = await pending(account)
      await setClock(account, got.server_time)
      if (got.server_key && !holdsTo(account, got.server_key)) await moveSoon(account)
      if (account.state === 'removed') await this.mark(account, 'active')
      return got.items.filter(asksPerson).map((i) => ({ ...i, account }))
    } catch (e) {
      if (e instanceof Problem && e.code === 'unauthorized') {
        await this.mark(account, 'removed')
        return []
      }
      if (e instanceof Problem) this.retryAfter = Math.max(this.retryAfter, e.retryAfter)
      else if (!(e instanceof Offline)) throw e
      return 'failed'
    }
  }

  private async mark(account: Account, state: 'active' | 'removed'): Promise<void> {
    account.state = state
    await changeAccount(account.id, { state })
  }

  private tell(s: Snapshot): void {
    this.snapshot = s
    for (const l of [...this.listeners]) l(s)
  }
}
