// How far a first cycle is and how long it takes, as far as that can be said. Pure.

import type { CallCounts, Minute } from '../types'

/** "1,240 + 3,000", as people write how many are in scope; null where there is no number in it. */
export function inScope(text: string): number | null {
  const numbers = text.split('+').map((part) => part.replace(/[\s.,'’]/g, '').replace(/\D+$/, '').replace(/^\D+/, ''))
  if (numbers.some((n) => n !== '' && !/^\d{1,9}$/.test(n))) return null
  const sum = numbers.reduce((all, n) => all + Number(n), 0)
  return sum > 0 ? sum : null
}

/** Minutes that Entra ID needs by the rate Microsoft publishes: 0.01 to 0.08 for each person, group and membership. */
export function entraMinutes(objects: number): { least: number; most: number } {
  return { least: Math.round(objects) / 100, most: (Math.round(objects) * 8) / 100 }
}

/** A number of minutes as the sentence says it: whole from ten on, one decimal below. */
export function shownMinutes(minutes: number): number {
  return minutes >= 10 ? Math.round(minutes) : Math.round(minutes * 10) / 10
}

/** What a cycle has dealt with so far: each person and each change of a team counts once. */
export function dealtWith(counts: CallCounts): number {
  return counts.created + counts.updated + counts.deactivated + counts.unchanged + counts.teams + counts.failed
}

/** Percent of what is in scope, never 100: that it is finished only the traffic tells. */
export function share(done: number, scope: number): number {
  return Math.min(99, Math.floor((100 * done) / Math.max(1, scope)))
}

export interface Bar { at: number; calls: number; bad: number }

const barsMost = 96
/** A workspace whose first call is a minute old has thin bars too. */
const barsLeast = 30

/** The last day's minutes in 30 to 96 bars; `every` is how many minutes one stands for. */
export function bars(minutes: readonly Minute[], now: number): { every: number; bars: Bar[] } {
  const first = minutes[0]
  if (!first) return { every: 1, bars: [] }
  const minute = 60_000
  const end = Math.max(Math.floor(Date.parse(first.minute) / minute), Math.floor(now / minute))
  const start = Math.min(Math.floor(Date.parse(first.minute) / minute), end - barsLeast + 1)
  const every = Math.max(1, Math.ceil((end - start + 1) / barsMost))
  const from = Math.floor(start / every) * every
  const out: Bar[] = []
  for (let at = from; at <= end; at += every) out.push({ at: at * minute, calls: 0, bad: 0 })
  for (const { minute: text, counts } of minutes) {
    const bar = out[Math.floor((Math.floor(Date.parse(text) / minute) - from) / every)]
    if (!bar) continue
    bar.calls += counts.calls
    bar.bad += counts.failed + counts.rejected + counts.slowed
  }
  return { every, bars: out }
}

/** What happened within 24 hours. */
export function lastDay(minutes: readonly Minute[], now: number): { created: number; updated: number; off: number; failed: number } {
  const sums = { created: 0, updated: 0, off: 0, failed: 0 }
  for (const { minute, counts } of minutes) {
    if (now - Date.parse(minute) >= 86_400_000) continue
    sums.created += counts.created
    sums.updated += counts.updated
    sums.off += counts.deactivated + counts.deleted
    sums.failed += counts.failed + counts.rejected
  }
  return sums
}
