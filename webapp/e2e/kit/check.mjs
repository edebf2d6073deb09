// What a story demands. Nothing here sleeps: whatever takes time is waited for until it is there.

export function must(holds, what) {
  if (!holds) throw new Error(what)
}

export function same(got, want, what) {
  if (got !== want) throw new Error(`${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(want)}`)
}

/** Waits until `look` gives something truthy, and gives that back. */
export async function until(look, what, ms = 60_000) {
  for (const end = Date.now() + ms; ;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`waited in vain for ${typeof what === 'function' ? what() : what}`)
    await new Promise((soon) => setTimeout(soon, 25))
  }
}

/** Waits until the focus is on an element: a page moves it when it has drawn what was asked for. */
export function focused(locator, what) {
  return until(() => locator.evaluate((e) => e === document.activeElement), `the focus on ${what}`)
}

/** Waits until what has the focus in a page is as `holds` says, which runs there and is handed `value` as well. */
export function focusIs(page, holds, what, value) {
  return until(async () => (await page.evaluateHandle(() => document.activeElement)).evaluate(holds, value), `the focus on ${what}`)
}

/** The text of an element without the white space of its markup. */
export async function textOf(locator) {
  return (await locator.innerText()).replace(/\s+/g, ' ').trim()
}
