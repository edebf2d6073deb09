// Which of two versions of a page's rules shall hold, where somebody else has changed them meanwhile.

import { useLateDialog } from '../ui/late'
import type { Difference } from './EditConflict'

const load = () => import('./EditConflict').then(({ default: EditConflict }) => EditConflict)

/** Asks with the two side by side; null goes back without a decision. */
export function useDecide() {
  const open = useLateDialog(load)
  return (what: string, rows: readonly Difference[]) => open<'mine' | 'theirs'>((EditConflict, close) => (
    <EditConflict what={what} rows={rows} mine={() => close('mine')} theirs={() => close('theirs')} leave={() => close(null)} />
  ))
}
