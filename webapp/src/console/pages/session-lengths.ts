// The lengths of sessions on offer.

import type { SessionLimits } from '../../shared/types'

const minute = 60
const hour = 60 * minute
const day = 24 * hour

const offered = {
  idle: [5 * minute, 15 * minute, 30 * minute, hour, 4 * hour, 8 * hour, 12 * hour, day],
  life: [hour, 4 * hour, 8 * hour, 12 * hour, day, 3 * day, 7 * day],
}

/** What fits between the shortest and the longest, with what holds now. */
export function lengths(which: 'idle' | 'life', { shortest, longest, ...now }: SessionLimits): number[] {
  const key = `${which}_seconds` as const
  const fit = offered[which].filter((s) => s >= shortest[key] && s <= longest[key])
  return [...new Set([...fit, longest[key], now[key]])].sort((a, b) => a - b)
}

/** A length in the largest unit that fits. */
export function unitOf(seconds: number): { unit: 'seconds' | 'minutes' | 'hours' | 'days'; count: number } {
  if (seconds % day === 0) return { unit: 'days', count: seconds / day }
  if (seconds % hour === 0) return { unit: 'hours', count: seconds / hour }
  if (seconds % minute === 0) return { unit: 'minutes', count: seconds / minute }
  return { unit: 'seconds', count: seconds }
}
