// The lines of a person's timeline. Pure.

import type { ActivityEvent } from '../activity/types'
import type { Call } from '../directory/types'

export interface Line { id: string; at: string; event?: ActivityEvent; call?: Call }

const most = 15

/** Both lists as one, the newest first. The rest is behind the links below it. */
export function timeline(events: readonly ActivityEvent[], calls: readonly Call[]): Line[] {
  const lines: Line[] = [
    ...events.map((event) => ({ id: event.id, at: event.at, event })),
    ...calls.map((call) => ({ id: call.id, at: call.last_at, call })),
  ]
  return lines.sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, most)
}

/** The last time that somebody's user name became another one. */
export function renamed(events: readonly ActivityEvent[]): { from: string; at: string } | undefined {
  for (const event of events) {
    const { from, to } = event.detail
    if (event.event === 'person.changed' && typeof from === 'string' && typeof to === 'string' && from !== to) return { from, at: event.at }
  }
  return undefined
}
