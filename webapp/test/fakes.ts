// A clock, sockets and a service that tests turn by hand.

import { ApiError } from '../src/shared/api'
import type { Confirmation } from '../src/shared/types'
import type { ChannelDeps, SocketLike } from '../src/console/confirm/channel'

export class FakeClock {
  ms = Date.parse('2026-05-03T14:02:00Z')
  #timers = new Map<number, { at: number; run: () => void }>()
  #next = 1

  readonly timers = {
    set: (run: () => void, ms: number) => {
      const id = this.#next++
      this.#timers.set(id, { at: this.ms + ms, run })
      return id
    },
    clear: (id: unknown) => { this.#timers.delete(id as number) },
  }

  iso(offset = 0): string {
    return new Date(this.ms + offset).toISOString()
  }

  pending(): number {
    return this.#timers.size
  }

  /** Lets time pass; each timer runs at its moment, and what it starts may finish before the next. */
  async pass(ms: number): Promise<void> {
    const end = this.ms + ms
    await settle()
    for (;;) {
      const due = [...this.#timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0]
      if (!due) break
      this.#timers.delete(due[0])
      this.ms = Math.max(this.ms, due[1].at)
      due[1].run()
      await settle()
    }
    this.ms = end
  }
}

/** Lets promises that are ready run on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

export class FakeSocket implements SocketLike {
  onmessage: SocketLike['onmessage'] = null
  onclose: SocketLike['onclose'] = null
  closed = false

  close(): void {
    this.closed = true
  }

  frame(value: unknown): void {
    this.onmessage?.({ data: JSON.stringify(value) })
  }

  snapshot(confirmation: Confirmation): void {
    this.frame({ t: 'snapshot', confirmation })
  }

  drop(code: number): void {
    this.onclose?.({ code })
  }
}

interface Poll { wait: number; since: number; signal: AbortSignal; answer(c: Confirmation): Promise<void>; fail(error: unknown): Promise<void> }

export class FakeNetwork {
  sockets: FakeSocket[] = []
  polls: Poll[] = []
  up = true
  #listeners = new Set<(online: boolean) => void>()

  constructor(readonly clock: FakeClock) {}

  get socket(): FakeSocket {
    return this.sockets.at(-1)!
  }

  get poll(): Poll {
    return this.polls.at(-1)!
  }

  goOnline(online: boolean): void {
    this.up = online
    this.#listeners.forEach((listener) => listener(online))
  }

  get listeners(): number {
    return this.#listeners.size
  }

  deps(): ChannelDeps {
    return {
      socket: () => {
        const socket = new FakeSocket()
        this.sockets.push(socket)
        return socket
      },
      poll: (_id, wait, since, signal) => new Promise((resolve, reject) => {
        this.polls.push({
          wait, since, signal,
          answer: async (c) => { resolve(c); await settle() },
          fail: async (error) => { reject(error as Error); await settle() },
        })
      }),
      timers: this.clock.timers,
      now: () => this.clock.ms,
      random: () => 0.5,
      online: () => this.up,
      onOnline: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
  }
}

export function confirmation(clock: FakeClock, change: Partial<Confirmation> = {}): Confirmation {
  return {
    id: 'cnf_1', version: 1, action: 'scim.token.reveal', resource: 'scim_token:tok_1', mode: 'tap', state: 'pending',
    created_at: '2026-05-03T14:02:00Z', expires_at: '2026-05-03T14:07:00Z', server_time: clock.iso(),
    devices: [{ id: 'dev_1', name: 'iPhone of Ana', delivery: 'queued', at: '2026-05-03T14:02:00Z' }],
    ...change,
  }
}

export function problem(status: number, code: string, retryAfter?: number): ApiError {
  return new ApiError(status, code, '', {}, retryAfter)
}
