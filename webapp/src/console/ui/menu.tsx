// Drop-down menus after the APG's menu button: the button opens, arrows move, a
// letter jumps, Esc goes back to the button. The list is a popover in its place in
// the page, so it lies above everything and still belongs to its landmark.

import { createContext, useCallback, useContext, useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode, type RefObject } from 'react'
import { Icon } from './icons'
import { nextItem } from './menu-keys'

const CloseContext = createContext<() => void>(() => undefined)

interface MenuProps {
  /** What the button shows. */
  button: ReactNode
  buttonClass: string
  /** The button's name where what it shows is no text. */
  buttonName?: string
  /** The list's width, as a class. */
  width: string
  /** Which edge of the button the list keeps to. */
  align: 'start' | 'end'
  children: ReactNode
}

type First = 'first' | 'last'

export function Menu({ button, buttonClass, buttonName, width, align, children }: MenuProps) {
  const [open, setOpen] = useState<First | null>(null)
  const trigger = useRef<HTMLButtonElement>(null)
  const id = useId()
  const close = useCallback(() => {
    setOpen(null)
    trigger.current?.focus()
  }, [])
  const openBy = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
    event.preventDefault()
    setOpen(event.key === 'ArrowDown' ? 'first' : 'last')
  }
  return (
    <>
      <button
        ref={trigger} id={`${id}-button`} type="button" aria-haspopup="menu" aria-expanded={open !== null} aria-controls={open ? id : undefined} aria-label={buttonName}
        onClick={() => setOpen(open ? null : 'first')} onKeyDown={openBy} className={buttonClass}
      >
        {button}
      </button>
      {open && (
        <CloseContext value={close}>
          <List id={id} trigger={trigger} first={open} align={align} width={width} leave={() => setOpen(null)}>{children}</List>
        </CloseContext>
      )}
    </>
  )
}

interface ListProps { id: string; trigger: RefObject<HTMLButtonElement | null>; first: First; align: 'start' | 'end'; width: string; leave: () => void; children: ReactNode }

function List({ id, trigger, first, align, width, leave, children }: ListProps) {
  const list = useRef<HTMLDivElement>(null)
  const close = useContext(CloseContext)
  const items = () => [...(list.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])]
  useLayoutEffect(() => {
    const element = list.current
    if (!element || !trigger.current) return
    element.showPopover()
    place(element, trigger.current, align)
    items().at(first === 'first' ? 0 : -1)?.focus()
  }, [trigger, align, first])
  useOutside(list, trigger, leave)
  useMoved(list, trigger, align)
  function keys(event: KeyboardEvent) {
    if (event.key === 'Escape') {
      event.preventDefault()
      event.stopPropagation()
      return close()
    }
    if (event.key === 'Tab') return leave() // and on to what comes next
    const all = items()
    const next = nextItem(event.key, all.map((item) => item.textContent ?? ''), all.indexOf(document.activeElement as HTMLElement))
    if (next === null || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    all[next]?.focus()
  }
  return (
    <div
      ref={list} id={id} role="menu" popover="manual" aria-labelledby={`${id}-button`} onKeyDown={keys}
      className={`fixed inset-auto m-0 max-w-[calc(100vw-1rem)] overflow-y-auto rounded-xl border border-line bg-raised p-1.5 text-left text-base text-ink shadow-pop ${width}`}
    >
      {children}
    </div>
  )
}

const margin = 8
const gap = 6

/** Below the button where there is room, else above it, never past the window. */
function place(list: HTMLElement, button: HTMLElement, align: 'start' | 'end'): void {
  list.style.maxHeight = 'none'
  const at = button.getBoundingClientRect()
  const below = innerHeight - at.bottom - gap - margin
  const above = at.top - gap - margin
  const down = list.offsetHeight <= below || below >= above
  list.style.maxHeight = `${Math.max(120, down ? below : above)}px`
  const height = list.offsetHeight
  const left = align === 'start' ? at.left : at.right - list.offsetWidth
  list.style.top = `${down ? at.bottom + gap : at.top - gap - height}px`
  list.style.left = `${Math.min(Math.max(margin, left), Math.max(margin, document.documentElement.clientWidth - list.offsetWidth - margin))}px`
}

/** Keeps the list at its button while the window or what lies under it moves. */
function useMoved(list: RefObject<HTMLElement | null>, trigger: RefObject<HTMLElement | null>, align: 'start' | 'end'): void {
  useEffect(() => {
    const follow = (event: Event) => {
      if (!list.current || !trigger.current || (event.target instanceof Node && list.current.contains(event.target))) return
      place(list.current, trigger.current, align)
    }
    document.addEventListener('scroll', follow, true)
    window.addEventListener('resize', follow)
    return () => {
      document.removeEventListener('scroll', follow, true)
      window.removeEventListener('resize', follow)
    }
  }, [list, trigger, align])
}

/** Leaves on a press elsewhere. */
function useOutside(list: RefObject<HTMLElement | null>, trigger: RefObject<HTMLElement | null>, leave: () => void): void {
  const last = useRef(leave)
  useEffect(() => { last.current = leave })
  useEffect(() => {
    const inside = (target: EventTarget | null) => target instanceof Node && (list.current?.contains(target) || trigger.current?.contains(target))
    const press = (event: Event) => { if (!inside(event.target)) last.current() }
    document.addEventListener('pointerdown', press, true)
    return () => document.removeEventListener('pointerdown', press, true)
  }, [list, trigger])
}

const itemClass = 'flex min-h-9 w-full items-center gap-2 rounded-lg px-3 py-1.5 text-left max-cards:min-h-11 hover:bg-hover focus:bg-hover focus-visible:-outline-offset-2'

/** One entry. With `reason` it can be read but not used. */
export function MenuItem({ run, reason, children }: { run: () => void; reason?: string; children: ReactNode }) {
  const close = useContext(CloseContext)
  if (reason)
    return (
      <button type="button" role="menuitem" tabIndex={-1} aria-disabled="true" className={`${itemClass} flex-col !items-start !gap-0`}>
        <span className="text-muted">{children}</span>
        <span className="text-sm text-muted">{reason}</span>
      </button>
    )
  const press = () => {
    close()
    run()
  }
  return <button type="button" role="menuitem" tabIndex={-1} onClick={press} className={itemClass}>{children}</button>
}

/** Entries under a heading; all of them choices of one value when `children` are MenuChoice. */
export function MenuGroup({ label, children }: { label: string; children: ReactNode }) {
  const id = useId()
  return (
    <div role="group" aria-labelledby={id}>
      <div id={id} className="truncate px-3 pt-1.5 pb-1 text-xs font-semibold text-muted">{label}</div>
      {children}
    </div>
  )
}

/** A choice; the menu stays open, so that its effect can be seen. */
export function MenuChoice({ chosen, choose, children }: { chosen: boolean; choose: () => void; children: ReactNode }) {
  return (
    <button type="button" role="menuitemradio" aria-checked={chosen} tabIndex={-1} onClick={choose} className={itemClass}>
      <span className="flex-1">{children}</span>
      {chosen && <Icon name="check" className="size-4 text-accent" />}
    </button>
  )
}

export function MenuLine() {
  return <div role="separator" className="mx-1.5 my-1.5 h-px bg-line" />
}
