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

/** The text of an element without the white space of its markup. */
export async function textOf(locator) {
  return (await locator.innerText()).replace(/\s+/g, ' ').trim()
}
