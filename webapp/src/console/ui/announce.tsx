// What is said to a screen reader: one polite and one assertive region on the
// page and one pair inside each dialog, because the rest is inert then.

import { createContext, useContext, useEffect, useMemo, useRef, type ReactNode } from 'react'

export type Announce = (text: string, urgent?: boolean) => void

const AnnounceContext = createContext<Announce>(() => undefined)

/** Speaks through the nearest pair of regions. */
export function useAnnounce(): Announce {
  return useContext(AnnounceContext)
}

const gapMs = 1000

/** Puts texts into a region, at most one a second; the same text again differs by an invisible character, so that it is spoken again. */
export function speaker(show: (text: string) => void, later: (run: () => void, ms: number) => void): (text: string) => void {
  const waiting: string[] = []
  let last = ''
  let resting = false
  const next = () => {
    const text = waiting.shift()
    resting = text !== undefined
    if (text === undefined) return
    last = text === last ? `${text}\u200b` : text
    show(last)
    later(next, gapMs)
  }
  return (text) => {
    waiting.push(text)
    if (!resting) next()
  }
}

export function LiveRegions({ children }: { children: ReactNode }) {
  const polite = useRef<HTMLDivElement>(null)
  const urgent = useRef<HTMLDivElement>(null)
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>())
  useEffect(() => {
    const all = timers.current
    return () => all.forEach(clearTimeout)
  }, [])
  const announce = useMemo<Announce>(() => {
    const later = (run: () => void, ms: number) => {
      const timer = setTimeout(() => { timers.current.delete(timer); run() }, ms)
      timers.current.add(timer)
    }
    const into = (region: { current: HTMLDivElement | null }) =>
      speaker((text) => { if (region.current) region.current.textContent = text }, later)
    const calmly = into(polite)
    const atOnce = into(urgent)
    return (text, now = false) => (now ? atOnce(text) : calmly(text))
  }, [])
  return (
    <AnnounceContext value={announce}>
      {children}
      <div ref={polite} role="status" className="sr-only" />
      <div ref={urgent} role="alert" className="sr-only" />
    </AnnounceContext>
  )
}
