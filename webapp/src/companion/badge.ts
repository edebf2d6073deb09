// How many requests wait, on the app's icon. The page keeps it while there is one; the service worker does when a push comes meanwhile.
import { Problem } from './api'
import { asksPerson, pending } from './device'
import { accounts } from './store'

const icon = globalThis.navigator as { setAppBadge?(n: number): Promise<void>; clearAppBadge?(): Promise<void> } | undefined

/** badge shows a number on the icon, or nothing for none. */
export async function badge(count: number): Promise<void> {
  await (count > 0 ? icon?.setAppBadge?.(count) : icon?.clearAppBadge?.())?.catch(() => undefined)
}

/** recount asks what waits for all phones here. One that cannot be asked is left out, and keeps the icon from being cleared. */
export async function recount(): Promise<void> {
  if (!icon?.setAppBadge) return
  const active = (await accounts()).filter((a) => a.state === 'active')
  const counts = await Promise.all(active.map((a) => pending(a).then((l) => l.items.filter(asksPerson).length, uncounted)))
  const sum = counts.reduce<number>((all, n) => all + (n ?? 0), 0)
  if (sum > 0 || !counts.includes(undefined)) await badge(sum)
}

/** uncounted: nothing waits for a phone that was removed; of one that cannot be asked it is not known. */
const uncounted = (e: unknown): 0 | undefined => (e instanceof Problem && e.code === 'unauthorized' ? 0 : undefined)
