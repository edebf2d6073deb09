import { describe, expect, it } from 'vitest'
import { endOf, spokenAt } from '../src/console/shell/session-limits'

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 22, 14, 0, seconds)).toISOString()
const now = Date.parse(at(0))
const open = (life: number, idle: number) => ({ state: 'open' as const, role: 'admin' as const, ends_at: at(life), idle_ends_at: at(idle), server_time: at(0) })

describe('the warning before a session ends', () => {
  it.each([
    ['nothing is near', open(3600, 600), null],
    ['two minutes and a second of idling are left', open(3600, 121), null],
    ['two minutes of idling are left', open(3600, 120), { at: now + 120_000, seconds: 120, idle: true }],
    ['the session ends for good first', open(60, 90), { at: now + 60_000, seconds: 60, idle: false }],
    ['it is over', open(3600, 0), null],
    ['it has ended otherwise', { state: 'ended' as const, server_time: at(0) }, null],
  ])('when %s', (_, state, want) => expect(endOf(state, now)).toEqual(want))

  it.each([[120, 120], [61, 120], [60, 60], [31, 60], [30, 30], [1, 30]])('with %i s left the last thing said is that of %i s', (seconds, mark) => expect(spokenAt(seconds)).toBe(mark))
})
