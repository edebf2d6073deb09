import { beforeEach, describe, expect, it } from 'vitest'
import { Channel, type End, type Link } from '../src/console/confirm/channel'
import { NetworkError } from '../src/shared/api'
import type { Confirmation } from '../src/shared/types'
import { confirmation, FakeClock, FakeNetwork, problem } from './fakes'

let clock: FakeClock
let net: FakeNetwork
let seen: Confirmation[]
let links: Link[]
let ends: End[]
let clocks: string[]

function open(version = 1, socket = true): Channel {
  return new Channel(net.deps(), {
    snapshot: (c) => seen.push(c),
    clock: (time) => clocks.push(time),
    link: (link) => links.push(link),
    end: (why) => ends.push(why),
  }, 'cnf_1', version, socket)
}

beforeEach(() => {
  clock = new FakeClock()
  net = new FakeNetwork(clock)
  seen = []
  links = []
  ends = []
  clocks = []
})

describe('the socket', () => {
  it('passes on a newer version once and ignores repeated and older ones', () => {
    open(2)
    for (const version of [2, 1, 3, 3, 2]) net.socket.snapshot(confirmation(clock, { version }))
    expect(seen.map((c) => c.version)).toEqual([3])
  })

  it('takes the clock from every sign of life', () => {
    open()
    net.socket.frame({ t: 'hb', server_time: '2026-05-03T14:02:15Z' })
    net.socket.snapshot(confirmation(clock, { version: 1, server_time: '2026-05-03T14:02:16Z' }))
    expect(clocks).toEqual(['2026-05-03T14:02:15Z', '2026-05-03T14:02:16Z'])
  })

  it('ignores what is no frame', () => {
    open()
    net.socket.onmessage?.({ data: 'nonsense' })
    net.socket.onmessage?.({ data: new ArrayBuffer(2) })
    net.socket.frame(null)
    net.socket.frame({ t: 'other' })
    expect(seen).toEqual([])
    expect(ends).toEqual([])
  })

  it('is let go with everything else after a final state', () => {
    open()
    net.socket.snapshot(confirmation(clock, { version: 2, state: 'denied' }))
    expect(net.socket.closed).toBe(true)
    expect(clock.pending()).toBe(0)
    expect(net.listeners).toBe(0)
  })

  it('stays open for 25 s after each heartbeat', async () => {
    open()
    for (let i = 0; i < 8; i++) {
      net.socket.frame({ t: 'hb', server_time: clock.iso() })
      await clock.pass(24_000)
    }
    expect(net.polls).toEqual([])
    expect(links).toEqual([])
  })
})

describe('falling back to polling', () => {
  it('happens when no first frame comes in 10 s', async () => {
    open()
    await clock.pass(9_999)
    expect(net.polls).toHaveLength(0)
    await clock.pass(1)
    expect(net.polls).toHaveLength(1)
    expect(net.poll).toMatchObject({ wait: 25, since: 1 })
    expect(net.sockets[0]?.closed).toBe(true)
  })

  it('happens at once when the upgrade is refused', async () => {
    open()
    net.socket.drop(1006)
    await clock.pass(0)
    expect(net.polls).toHaveLength(1)
  })

  it('happens where there are no sockets at all', async () => {
    const deps = { ...net.deps(), socket: () => { throw new Error('blocked') } }
    new Channel(deps, { snapshot: (c) => seen.push(c), clock: () => undefined, link: () => undefined, end: () => undefined }, 'cnf_1', 1)
    await clock.pass(0)
    await net.poll.answer(confirmation(clock, { version: 2, state: 'approved' }))
    expect(seen[0]?.state).toBe('approved')
  })

  it('happens after 25 s of silence, with a first look that is not held', async () => {
    open()
    net.socket.snapshot(confirmation(clock, { version: 2 }))
    await clock.pass(25_000)
    expect(links).toEqual(['reconnecting'])
    expect(net.poll).toMatchObject({ wait: 0, since: 2 })
    await net.poll.answer(confirmation(clock, { version: 2 }))
    expect(links).toEqual(['reconnecting', 'polling'])
    await clock.pass(0)
    expect(net.poll.wait).toBe(25)
  })

  it('waits 2 s between looks that were answered too soon with nothing new', async () => {
    open(1, false)
    await net.poll.answer(confirmation(clock, { version: 1 }))
    await clock.pass(1_999)
    expect(net.polls).toHaveLength(1)
    await clock.pass(1)
    expect(net.polls).toHaveLength(2)
  })

  it('asks again at once after something new', async () => {
    open(1, false)
    await net.poll.answer(confirmation(clock, { version: 2 }))
    await clock.pass(0)
    expect(net.poll).toMatchObject({ since: 2, wait: 25 })
  })
})

describe('a lost line', () => {
  it('backs off 0.5, 1, 2, 4 … 15 s', async () => {
    open(1, false)
    const gaps: number[] = []
    for (let i = 0; i < 8; i++) {
      const from = clock.ms
      const polls = net.polls.length
      await net.poll.fail(new NetworkError())
      while (net.polls.length === polls) await clock.pass(100)
      gaps.push(clock.ms - from)
    }
    expect(gaps).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 15000])
    expect(links).toEqual(['reconnecting'])
  })

  it('is taken up at once when the browser is online again', async () => {
    open(1, false)
    for (let i = 0; i < 5; i++) {
      await net.poll.fail(new NetworkError())
      await clock.pass(15_000)
    }
    net.goOnline(false)
    await net.poll.fail(new NetworkError())
    const before = net.polls.length
    net.goOnline(true)
    expect(net.polls).toHaveLength(before + 1)
    expect(net.poll.wait).toBe(0)
    await net.poll.answer(confirmation(clock, { version: 5, state: 'approved' }))
    expect(seen[0]?.state).toBe('approved')
  })

  it('is said to be offline when the browser says so, and a frame takes that back', () => {
    open()
    net.goOnline(false)
    net.socket.snapshot(confirmation(clock, { version: 2 }))
    expect(links).toEqual(['offline', 'live'])
  })

  it('opens a new socket when online again', () => {
    open()
    net.socket.snapshot(confirmation(clock, { version: 2 }))
    net.goOnline(false)
    net.goOnline(true)
    expect(net.sockets).toHaveLength(2)
    expect(net.sockets[0]?.closed).toBe(true)
  })

  it('honours Retry-After', async () => {
    open(1, false)
    await net.poll.fail(problem(429, 'rate_limited', 7))
    await clock.pass(6_999)
    expect(net.polls).toHaveLength(1)
    await clock.pass(1)
    expect(net.polls).toHaveLength(2)
  })

  it.each([408, 425, 429, 502, 503, 504, 522, 524])('repeats after %i', async (status) => {
    open(1, false)
    await net.poll.fail(problem(status, ''))
    await clock.pass(1_000)
    expect(net.polls).toHaveLength(2)
    expect(ends).toEqual([])
  })

  it.each([[400, 'refused'], [401, 'session'], [403, 'forbidden'], [404, 'gone'], [500, 'refused']] as const)('ends after %i: %s', async (status, end) => {
    open(1, false)
    await net.poll.fail(problem(status, ''))
    await clock.pass(60_000)
    expect(net.polls).toHaveLength(1)
    expect(ends).toEqual([end])
  })
})

describe('close codes', () => {
  it.each([[1008, 'refused'], [4401, 'session'], [4403, 'forbidden'], [4404, 'gone'], [4409, 'replaced']] as const)('%i ends the channel: %s', async (code, end) => {
    open()
    net.socket.snapshot(confirmation(clock, { version: 2 }))
    net.socket.drop(code)
    await clock.pass(60_000)
    expect(ends).toEqual([end])
    expect(net.sockets).toHaveLength(1)
    expect(net.polls).toHaveLength(0)
  })

  it.each([1001, 1012])('%i comes back within 5 s', async (code) => {
    open()
    net.socket.snapshot(confirmation(clock, { version: 2 }))
    net.socket.drop(code)
    expect(links).toEqual(['reconnecting'])
    await clock.pass(2_499)
    expect(net.sockets).toHaveLength(1)
    await clock.pass(1)
    expect(net.sockets).toHaveLength(2)
    net.socket.snapshot(confirmation(clock, { version: 3 }))
    expect(links).toEqual(['reconnecting', 'live'])
  })

  it('a service that is away after a restart is asked until it answers, then by socket', async () => {
    open()
    net.socket.snapshot(confirmation(clock, { version: 2 }))
    net.socket.drop(1012)
    await clock.pass(2_500)
    net.socket.drop(1006)
    expect(net.poll.wait).toBe(0)
    await net.poll.fail(new NetworkError())
    await clock.pass(500)
    await net.poll.answer(confirmation(clock, { version: 2 }))
    expect(net.sockets).toHaveLength(3)
    net.socket.snapshot(confirmation(clock, { version: 3, state: 'approved' }))
    expect(seen.map((c) => c.version)).toEqual([2, 3])
  })

  it.each([1000, 4410])('%i without an outcome looks at the row', async (code) => {
    open()
    net.socket.snapshot(confirmation(clock, { version: 2 }))
    net.socket.drop(code)
    await net.poll.answer(confirmation(clock, { version: 4, state: 'expired' }))
    expect(seen.at(-1)?.state).toBe('expired')
  })

  it('1013 polls', async () => {
    open()
    net.socket.drop(1013)
    await clock.pass(0)
    expect(net.polls).toHaveLength(1)
  })

  it.each([1006, 1011, 4408])('%i reconnects with back-off, and polls for good after three drops', async (code) => {
    open()
    for (let i = 0; i < 3; i++) {
      net.socket.snapshot(confirmation(clock, { version: 2 + i }))
      net.socket.drop(code)
      await clock.pass(500 * 2 ** i)
      expect(net.sockets).toHaveLength(2 + i)
    }
    net.socket.snapshot(confirmation(clock, { version: 9 }))
    net.socket.drop(code)
    await clock.pass(0)
    expect(net.sockets).toHaveLength(4)
    expect(net.polls).toHaveLength(1)
  })
})

it('does nothing more after stop', async () => {
  const channel = open()
  channel.stop()
  net.socket.snapshot(confirmation(clock, { version: 2 }))
  net.socket.drop(1006)
  net.goOnline(false)
  await clock.pass(120_000)
  expect([seen, links, ends, net.polls]).toEqual([[], [], [], []])
  expect(net.socket.closed).toBe(true)
})

it('gives up a held call when stopped', async () => {
  const channel = open(1, false)
  channel.stop()
  expect(net.poll.signal.aborted).toBe(true)
  await net.poll.answer(confirmation(clock, { version: 2 }))
  expect(seen).toEqual([])
})
