// How many requests wait, on the app's icon. The page keeps it while there is one; the service worker does when a push comes meanwhile.
import { pending } from './device'
import { accounts } from './store'

const icon = globalThis.navigator as { setAppBadge?(n: number): Promise<void>; clearAppBadge?(): Promise<void> } | undefined

/** badge shows a number on the icon, or nothing for none. */
export async function badge(count: number): Promise<void> {
  await (count > 0 ? icon?.setAppBadge?.(count) : icon?.clearAppBadge?.())?.catch(() => undefined)
}

/** recount asks what waits for all phones here; a list that cannot be had leaves the icon as it is. */
export async function recount(): Promise<void> {
  if (!icon?.setAppBadge) return
  const active = (await accounts()).filter((a) => a.state === 'active')
  const lists = await Promise.all(active.map((a) => pending(a))).catch(() => undefined)
  if (lists) await badge(lists.flatMap((l) => l.items).filter((i) => i.act !== 'device.activate').length)
}
