// When to warn that a session ends.

import type { SessionState } from '../../shared/types'

/** How long before the end the page warns, in seconds. */
const warnFor = 120

export interface End { at: number; seconds: number; idle: boolean }

/** The end that is near at the service's time `now`, in milliseconds; null while there is none. */
export function endOf(state: SessionState, now: number): End | null {
  if (state.state !== 'open' || !state.ends_at || !state.idle_ends_at) return null
  const life = Date.parse(state.ends_at)
  const idle = Date.parse(state.idle_ends_at)
  const at = Math.min(life, idle)
  const seconds = Math.ceil((at - now) / 1000)
  return seconds > 0 && seconds <= warnFor ? { at, seconds, idle: idle < life } : null
}

/** The warning is spoken when it appears, with a minute left, and with half a minute left. */
export function spokenAt(seconds: number): number {
  return seconds > 60 ? warnFor : seconds > 30 ? 60 : 30
}
