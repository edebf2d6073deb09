// Whether somebody is at this page. Calls that a page makes by itself must not
// keep a session alive, so they say that they are background calls.

const windowMs = 3000
let last = Number.NEGATIVE_INFINITY
let watching = false

/** Starts noting input; called once by the page. */
export function watchActivity(target: Pick<Window, 'addEventListener'>, now: () => number = Date.now): void {
  if (watching) return
  watching = true
  for (const event of ['pointerdown', 'keydown', 'wheel', 'touchstart'])
    target.addEventListener(event, () => { last = now() }, { capture: true, passive: true })
  last = now()
}

/** True while the last input is at most three seconds ago. */
export function recentlyActive(now: number = Date.now()): boolean {
  return now - last <= windowMs
}
