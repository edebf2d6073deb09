// How far the service's clock is ahead of this computer's: a wrong clock here must
// not end anything early on screen.

let offset = 0

/** Takes over the service's time from an answer that has just arrived. */
export function noteServerTime(serverTime: string | undefined): void {
  const at = Date.parse(serverTime ?? '')
  if (!Number.isNaN(at)) offset = at - Date.now()
}

/** The service's time, in milliseconds, for a moment of this computer's clock. */
export function serverTime(now: number = Date.now()): number {
  return now + offset
}
