// Keys of the log: j and k go through the rows, / to the search, ? to the switch that explains them. They can be turned off, because a single letter may be somebody's dictation.

import { useEffect, useSyncExternalStore } from 'react'

const stored = 'countersign.logKeys'
const listeners = new Set<() => void>()

export function keysOn(): boolean {
  try {
    return localStorage.getItem(stored) !== 'off'
  } catch {
    return true
  }
}

export function turnKeys(on: boolean): void {
  try {
    if (on) localStorage.removeItem(stored)
    else localStorage.setItem(stored, 'off')
  } catch { /* it holds until the page is left */ }
  listeners.forEach((listener) => listener())
}

export function useKeysOn(): boolean {
  return useSyncExternalStore((listener) => { listeners.add(listener); return () => listeners.delete(listener) }, keysOn)
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

export function useKeys(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!keysOn() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target) || document.querySelector('dialog[open]')) return
      if (event.key === '?') {
        const help = document.querySelector<HTMLDetailsElement>('details[data-log-keys]')
        if (!help) return
        event.preventDefault()
        help.open = true
        help.querySelector<HTMLElement>('[data-log-keys-switch]')?.focus()
        return
      }
      const rows = [...document.querySelectorAll<HTMLElement>('a[data-row]')]
      const at = rows.findIndex((row) => row === document.activeElement || row.getAttribute('aria-current') === 'true')
      const target = event.key === 'j' ? rows[Math.min(rows.length - 1, at + 1)] : event.key === 'k' ? rows[Math.max(0, at - 1)] : event.key === '/' ? document.querySelector<HTMLElement>('[data-log-search]') : null
      if (!target) return
      event.preventDefault()
      target.focus()
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [])
}

const wideQuery = '(min-width: 75rem)'
const narrowQuery = '(max-width: 43.7499rem)'

function useMedia(query: string): boolean {
  return useSyncExternalStore((listener) => {
    const media = window.matchMedia(query)
    media.addEventListener('change', listener)
    return () => media.removeEventListener('change', listener)
  }, () => window.matchMedia(query).matches)
}

/** Whether a call has room beside the list. */
export function useWide(): boolean {
  return useMedia(wideQuery)
}

/** Whether tables are cards here, and filters a sheet. */
export function useNarrow(): boolean {
  return useMedia(narrowQuery)
}
