// A native dialog: inert background, Esc and focus containment come with it.

import { useId, useLayoutEffect, useRef, type ReactNode, type RefObject } from 'react'
import { LiveRegions } from './announce'

interface ModalProps {
  title: string
  children: ReactNode
  /** Esc, and whatever else the browser closes a dialog with. */
  onCancel: () => void
  wide?: boolean
  /** At the page's side, as high as the page. */
  side?: boolean
  describedBy?: string
  /** Where the focus goes back to, when that is not the element that had it. */
  returnTo?: RefObject<HTMLElement | null>
  /** The dialog has visible live regions of its own. */
  ownRegions?: boolean
}

/** Mounted is open. The title has the focus first, so that a key pressed by chance does nothing. */
export function Modal({ title, children, onCancel, wide = false, side = false, describedBy, returnTo, ownRegions = false }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const titleId = useId()
  useLayoutEffect(() => {
    const element = dialog.current
    if (!element) return
    const before = document.activeElement
    element.showModal()
    heading.current?.focus()
    return () => {
      element.close()
      const target = returnTo?.current ?? before
      if (target instanceof HTMLElement && target.isConnected) target.focus()
    }
  }, [returnTo])
  const width = wide ? 'w-[min(38rem,calc(100vw-2rem))]' : 'w-[min(30rem,calc(100vw-2rem))]'
  const place = side ? 'my-0 me-0 ms-auto h-dvh max-h-none w-[min(46rem,100vw)] rounded-l-2xl' : `m-auto max-h-[calc(100dvh-2rem)] rounded-2xl ${width}`
  const body = (
    <div className="p-7 max-cards:flex max-cards:min-h-dvh max-cards:flex-col max-cards:p-5">
      <h2 id={titleId} ref={heading} tabIndex={-1} className="text-xl font-semibold">{title}</h2>
      {children}
    </div>
  )
  return (
    <dialog
      ref={dialog}
      aria-labelledby={titleId}
      aria-describedby={describedBy}
      onCancel={(event) => {
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        onCancel()
      }}
      onClose={(event) => { if (event.target === event.currentTarget && !event.currentTarget.open) onCancel() }}
      className={`modal overflow-y-auto border border-line bg-raised shadow-pop ${place} max-cards:m-0 max-cards:h-dvh max-cards:max-h-none max-cards:w-screen max-cards:rounded-none max-cards:border-0`}
    >
      {ownRegions ? body : <LiveRegions>{body}</LiveRegions>}
    </dialog>
  )
}

/** The buttons at a dialog's end. The first one is the first to be reached. */
export function ModalActions({ children }: { children: ReactNode }) {
  return <div className="mt-7 flex flex-wrap items-center gap-3 max-cards:mt-auto max-cards:flex-col max-cards:items-stretch max-cards:pt-7">{children}</div>
}
