// The dialogs of All Members, loaded when the first of them opens: the list itself does without them.

import { useLateDialog } from '../ui/late'

const load = () => import('./person-dialogs')

/** Opens one of them. */
export const usePersonDialog = () => useLateDialog(load)
