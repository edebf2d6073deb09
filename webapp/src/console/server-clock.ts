// How far the service's clock is ahead of this computer's: a wrong clock here must
// not end anything early on screen.

let offset = 0
let known = false

/** What an answer may take on its way; more than that, and one of the two clocks was changed. */
const onTheWay = 2_000

/** Takes over the service's time from an answer. Each answer is late by its way, so the one that was least late is believed. */
export function noteServerTime(serverTime: string | undefined): void {
  const heard = Date.parse(serverTime ?? '') - Date.now()
  if (Number.isNaN(heard) || (known && heard <= offset && heard >= offset - onTheWay)) return
  offset = heard
  known = true
}

/** The service's time, in milliseconds, for a moment of this computer's clock. */
export function serverTime(now: number = Date.now()): number {
  return now + offset
}
