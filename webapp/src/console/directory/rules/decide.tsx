// Which of two versions of a page's rules shall hold, where somebody else has changed them meanwhile.

import { lazy, Suspense } from 'react'
import type { Difference } from '../../conflict/EditConflict'
import { useDialogs } from '../../ui/dialogs'

const EditConflict = lazy(() => import('../../conflict/EditConflict'))

/** Asks with the two side by side; null goes back without a decision. */
export function useDecide() {
  const dialogs = useDialogs()
  return (what: string, rows: readonly Difference[]) => dialogs.open<'mine' | 'theirs'>((close) => (
    <Suspense fallback={null}>
      <EditConflict what={what} rows={rows} mine={() => close('mine')} theirs={() => close('theirs')} leave={() => close(null)} />
    </Suspense>
  ))
}

interface Saving<Version, Done> {
  /** What the change was begun with. */
  base: Version
  /** What holds now. */
  read: () => Promise<{ met: Version }>
  same: (a: Version, b: Version) => boolean
  /** Whether a version is what is wanted here anyway. */
  wanted: (version: Version) => boolean
  /** Tells the page which version it now begins with; `taken` where that one is kept. */
  meet: (version: Version, taken: boolean) => void
  decide: (theirs: Version) => Promise<'mine' | 'theirs' | null>
  /** Saves from that version; resolves with the version that was met where it was another, with null where nothing was done. */
  save: (was: Version) => Promise<{ met: Version } | { done: Done } | null>
}

/** Saves, and asks which version holds as often as somebody else was quicker. Null where nothing of one's own was saved. */
export async function saveOver<Version, Done>({ base, read, same, wanted, meet, decide, save }: Saving<Version, Done>): Promise<Done | null> {
  let was = base
  let { met } = await read().catch(() => ({ met: was }))
  for (;;) {
    if (!same(was, met)) {
      const choice = wanted(met) ? 'theirs' : await decide(met)
      if (!choice) return null
      was = met
      meet(was, choice === 'theirs')
      if (choice === 'theirs') return null
    }
    const out = await save(was)
    if (!out) return null
    if ('done' in out) return out.done
    met = out.met
  }
}
