// Dialogs that code opens and waits for: open() resolves with what the dialog
// was closed with, or null when it was left.

import { useRouter } from '@tanstack/react-router'
import { createContext, Fragment, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'

type Render<T> = (close: (value: T | null) => void) => ReactNode

export interface Dialogs {
  open<T>(render: Render<T>): Promise<T | null>
}

const DialogsContext = createContext<Dialogs | null>(null)

export function useDialogs(): Dialogs {
  const dialogs = useContext(DialogsContext)
  if (!dialogs) throw new Error('no DialogHost above')
  return dialogs
}

interface Entry { id: number; element: ReactNode; leave: () => void }

/** Dialogs opened below it stand in it: the shell has one of its own, whose dialogs know the session. */
export function DialogHost({ children }: { children: ReactNode }) {
  const [entries, setEntries] = useState<Entry[]>([])
  const latest = useRef(entries)
  latest.current = entries
  const next = useRef(0)
  const router = useRouter()
  const open = useCallback(<T,>(render: Render<T>): Promise<T | null> => {
    const id = next.current++
    return new Promise((resolve) => {
      const close = (value: T | null) => {
        setEntries((now) => now.filter((entry) => entry.id !== id))
        resolve(value)
      }
      setEntries((now) => [...now, { id, element: render(close), leave: () => close(null) }])
    })
  }, [])
  // The browser's Back leaves dialogs too: what they show belongs to the page below.
  useEffect(() => router.subscribe('onBeforeNavigate', (event) => {
    if (event.pathChanged) latest.current.forEach((entry) => entry.leave())
  }), [router])
  // So does the end of what stands around them: nobody waits for a dialog that is gone.
  useEffect(() => () => latest.current.forEach((entry) => entry.leave()), [])
  const dialogs = useMemo<Dialogs>(() => ({ open }), [open])
  return (
    <DialogsContext value={dialogs}>
      {children}
      {entries.map((entry) => <Fragment key={entry.id}>{entry.element}</Fragment>)}
    </DialogsContext>
  )
}
