// Saving what somebody else may have changed meanwhile.

interface Met<Version> { met: Version }

interface Saving<Version, Done> {
  /** What the change was begun with. */
  base: Version
  /** What holds now. */
  read: () => Promise<Version>
  same: (a: Version, b: Version) => boolean
  /** Whether a version is what is wanted here anyway. */
  wanted: (version: Version) => boolean
  /** Tells the page which version it now begins with; `taken` where that one is kept. */
  meet: (version: Version, taken: boolean) => void
  decide: (theirs: Version) => Promise<'mine' | 'theirs' | null>
  /** The version that a refused save met, null where that was not why. */
  metBy: (error: unknown, was: Version) => Version | null
  /** Saves from that version; `refused` makes of an error the version that was met, and throws the error where there is no other. Null where nothing was done. */
  save: (was: Version, refused: (error: unknown) => Met<Version>) => Promise<Met<Version> | { done: Done } | null>
}

/** Saves, and asks which version holds as often as somebody else was quicker. Null where nothing of one's own was saved. */
export async function saveOver<Version, Done>({ base, read, same, wanted, meet, decide, metBy, save }: Saving<Version, Done>): Promise<Done | null> {
  let was = base
  let met: Version = await read().catch(() => was)
  for (;;) {
    if (!same(was, met)) {
      const choice = wanted(met) ? 'theirs' : await decide(met)
      if (!choice) return null
      was = met
      meet(was, choice === 'theirs')
      if (choice === 'theirs') return null
    }
    const from = was
    const out = await save(from, (error) => {
      const now = metBy(error, from)
      // The same as before in all that this page knows: to save again would be refused again.
      if (!now || same(from, now)) throw error
      return { met: now }
    })
    if (!out) return null
    if ('done' in out) return out.done
    met = out.met
  }
}
