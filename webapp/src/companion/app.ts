// What every screen may use: the accounts, the watch, the way to other screens.
import { resume, type Invitation } from './pairing'
import type { Platform } from './platform'
import type { Shell } from './shell'
import type { Entry } from './screens/request'
import { accounts, dropAccount, type Account } from './store'
import type { Watch } from './watch'
import { dropWorker, pushState, type PushState } from './worker'

/** permissionOf is what the system must have said where notifications stand so; the others do not depend on it. */
const permissionOf: Partial<Record<PushState, NotificationPermission>> = { ask: 'default', denied: 'denied', on: 'granted', broken: 'granted', not_offered: 'granted' }

export class App {
  accounts: Account[] = []
  invitation: Invitation | undefined // what is being paired with; its secret lives in memory only
  push: PushState | undefined // undefined while it is being found out
  readonly seen = new Set<string>() // requests that were opened by themselves once
  private finding: Promise<PushState> | undefined
  private readonly entries = new Map<string, Entry>()

  constructor(readonly shell: Shell, readonly platform: Platform, public watch: Watch) {}

  /** go opens a screen by its fragment; "" is the home screen. */
  go(to: string, replace = false): void {
    const address = to === '' ? '/' : `/#${to}`
    if (location.pathname + location.hash === address) { this.route(); return }
    history[replace ? 'replaceState' : 'pushState'](null, '', address)
    this.route()
  }

  route: () => void = () => undefined

  /** open shows a request; by itself means without a tap on it. */
  open(cid: string, byItself: boolean, fromNotice = false): void {
    this.seen.add(cid)
    this.entries.set(cid, { byItself, fromNotice })
    this.go(`c=${encodeURIComponent(cid)}`)
  }

  /** openInstead shows the request that replaced the one on the screen. */
  openInstead(cid: string): void {
    this.seen.add(cid)
    this.entries.set(cid, { byItself: true, fromNotice: false, instead: true })
    this.go(`c=${encodeURIComponent(cid)}`, true)
  }

  /** entry is how a request came onto the screen; an address that was opened from outside comes from a notification. */
  entry(cid: string): Entry {
    this.seen.add(cid)
    return this.entries.get(cid) ?? { byItself: false, fromNotice: true }
  }

  /** forget drops a phone that the server removed. */
  async forget(account: Account): Promise<void> {
    await dropAccount(account.id)
    await dropWorker(account)
    await this.read()
    this.go('', true)
  }

  /** read takes the accounts from the store; those already held stay the same objects. */
  async read(): Promise<void> {
    const held = new Map(this.accounts.map((a) => [a.id, a]))
    const stored = await accounts()
    this.accounts = stored.map((a) => Object.assign(held.get(a.id) ?? a, a))
  }

  /** finishBegun goes on with pairings that were left before their end. */
  async finishBegun(): Promise<void> {
    const begun = this.accounts.filter((a) => a.state === 'claimed')
    if (begun.length === 0) return
    await Promise.all(begun.map((a) => resume(a)))
    await this.read()
    await this.watch.check()
  }

  active(): Account[] {
    return this.accounts.filter((a) => a.state === 'active')
  }

  /** lookAgain finds out anew how notifications stand where the system's settings say otherwise than what is known here. */
  async lookAgain(): Promise<void> {
    if (this.push === undefined || permissionOf[this.push] === undefined || permissionOf[this.push] === Notification.permission) return
    await this.findPush()
    if (location.hash === '#notify' || location.hash === '#settings') this.route()
  }

  /** findPush finds out, and repairs, how notifications stand. */
  async findPush(): Promise<PushState> {
    this.finding ??= pushState(this.accounts, this.platform.ios, this.platform.installed).finally(() => { this.finding = undefined })
    const found = await this.finding
    this.push = found === 'offline' ? undefined : found
    return found
  }
}
