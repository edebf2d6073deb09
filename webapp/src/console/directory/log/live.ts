// The list that is shown while calls come in: it stands still while somebody points at it, and says how many are new. Pure.

import type { Call } from '../types'

export interface Shown { items: Call[]; waiting: number }

/** What to show of the newest page: all of it, or what was shown before and how many rows have come since. */
export function standing(newest: readonly Call[], held: readonly Call[] | null): Shown {
  if (!held) return { items: [...newest], waiting: 0 }
  const top = held[0]?.id ?? ''
  return { items: [...held], waiting: newest.filter((call) => call.id > top).length }
}

/** Whether rows have come that a screen reader has not been told of, and how many; at most every ten seconds. */
export function toAnnounce(newest: readonly Call[], toldTo: string, lastAt: number, now: number): number {
  if (now - lastAt < 10_000) return 0
  return newest.filter((call) => call.id > toldTo).length
}
