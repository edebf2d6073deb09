// What is worth asking again, and when. Only faults of the transport are: an
// answer that the service meant is never repeated.

import { ApiError, NetworkError } from './api'

const transient = new Set([408, 425, 429, 502, 503, 504, 522, 524])

/** Whether the same call may succeed later without anything having changed. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NetworkError) return true
  return error instanceof ApiError && transient.has(error.status)
}

/** Milliseconds to wait before try n (0 is the first repeat): 0.5, 1, 2, 4, 8, 15, 15 … s, a fifth up or down. */
export function backoff(n: number, random: () => number): number {
  return Math.min(15_000, 500 * 2 ** n) * (0.8 + 0.4 * random())
}

/** The wait for a failed call: the service's Retry-After where it gave one. */
export function retryDelay(error: unknown, n: number, random: () => number): number {
  const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0
  return Math.max(asked, backoff(n, random))
}
