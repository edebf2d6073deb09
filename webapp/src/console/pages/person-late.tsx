// The dialogs of All Members, loaded when the first of them opens: the list itself does without them.

import { lazy, Suspense, type ComponentProps, type ComponentType } from 'react'

const dialogs = () => import('./person-dialogs')

type Dialogs = Awaited<ReturnType<typeof dialogs>>

/** What opens at once as nothing, and as the dialog as soon as it is there. */
function late<P extends object>(pick: (all: Dialogs) => ComponentType<P>) {
  const Dialog = lazy<ComponentType<P>>(async () => ({ default: pick(await dialogs()) }))
  return function Late(props: P) {
    return <Suspense fallback={null}><Dialog {...(props as P & ComponentProps<typeof Dialog>)} /></Suspense>
  }
}

export const AddPersonDialog = late((all) => all.AddPersonDialog)
export const RoleDialog = late((all) => all.RoleDialog)
export const ActiveDialog = late((all) => all.ActiveDialog)
export const LinkDialog = late((all) => all.LinkDialog)
