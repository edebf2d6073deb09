// The live channel of one waiting confirmation: a websocket, or polling where
// websockets do not get through (protocol.md §8, wire.md §4). It carries whole
// snapshots with versions, so a frame that was lost, doubled or late changes
// nothing: the next one tells everything. It knows no screen.

import { ApiError, isAbort } from '../../shared/api'
import { backoff, isTransient, retryDelay } from '../../shared/retry'
import type { Confirmation } from '../../shared/types'

/** How the channel is doing. `reconnecting` and `offline` are shown, the other two are not. */
export type Link = 'live' | 'polling' | 'reconnecting' | 'offline'

/** Why the channel ended although the confirmation is still open. */
export type End = 'session' | 'forbidden' | 'gone' | 'replaced' | 'refused'

/** The part of WebSocket that is used. */
export interface SocketLike {
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number }) => void) | null
  close(): void
}

export interface Timers {
  set(run: () => void, ms: number): unknown
  clear(timer: unknown): void
}

export interface ChannelDeps {
  /** Opens the socket; may throw where sockets are not available. */
  socket(id: string): SocketLike
  /** Asks for the confirmation; the service holds the call up to `wait` seconds while the version is `since`. */
  poll(id: string, wait: number, since: number, signal: AbortSignal): Promise<Confirmation>
  timers: Timers
  now(): number
  random(): number
  online(): boolean
  /** Calls back when the browser goes on or off line; returns how to stop. */
  onOnline(changed: (online: boolean) => void): () => void
}

export interface ChannelEvents {
  /** A version that was not seen before. */
  snapshot(confirmation: Confirmation): void
  /** The service's clock, at every sign of life. */
  clock(serverTime: string): void
  link(link: Link): void
  end(why: End): void
}

const firstFrameMs = 10_000
const silenceMs = 25_000
const pollHoldSeconds = 25
const pollGapMs = 2_000
const restartSpreadMs = 5_000
/** How often a socket that worked may break before polling takes over for good. */
const maxDrops = 3

const endOfCode: Readonly<Record<number, End>> = {
  1008: 'refused', 4401: 'session', 4403: 'forbidden', 4404: 'gone', 4409: 'replaced',
}

export class Channel {
  #socket: SocketLike | null = null
  #timer: unknown = null
  #poll: AbortController | null = null
  #link: Link = 'live'
  #seen: number
  #stopped = false
  #useSocket: boolean
  #worked = false
  #drops = 0
  #faults = 0
  readonly #unlisten: () => void

  constructor(
    private readonly deps: ChannelDeps,
    private readonly events: ChannelEvents,
    readonly id: string,
    seen: number,
    useSocket = true,
  ) {
    this.#seen = seen
    this.#useSocket = useSocket
    this.#unlisten = deps.onOnline((online) => this.#onlineChanged(online))
    if (useSocket) this.#openSocket()
    else this.#startPolling()
  }

  /** Ends the channel without another event. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#unlisten()
    this.#rest()
  }

  // --- socket

  #openSocket(): void {
    this.#rest()
    let socket: SocketLike
    try {
      socket = this.deps.socket(this.id)
    } catch {
      this.#giveUpSocket()
      return
    }
    this.#socket = socket
    let framed = false
    this.#after(firstFrameMs, () => this.#giveUpSocket())
    socket.onmessage = (event) => {
      if (socket !== this.#socket) return
      framed = this.#worked = true
      this.#after(silenceMs, () => this.#silent())
      this.#setLink('live')
      this.#frame(event.data)
    }
    socket.onclose = (event) => {
      if (socket !== this.#socket) return
      this.#socket = null
      this.#closed(event.code, framed)
    }
  }

  #closed(code: number, framed: boolean): void {
    this.#rest()
    const end = endOfCode[code]
    if (end) return this.#end(end)
    if (code === 1001 || code === 1012) return this.#reopenIn(this.deps.random() * restartSpreadMs)
    // Told to stop or out of time without an outcome: one look at the row says which.
    if (code === 1000 || code === 4410) return this.#startPolling(true)
    if (code === 1013 || !this.#worked || ++this.#drops > maxDrops) return this.#giveUpSocket()
    if (framed) return this.#reopenIn(backoff(this.#drops - 1, this.deps.random))
    // The service is away: ask until it answers, then come back to a socket.
    this.#lost()
    this.#startPolling()
  }

  #reopenIn(ms: number): void {
    this.#lost()
    this.#after(ms, () => this.#openSocket())
  }

  /** Nothing for longer than a heartbeat: a proxy that swallows frames, or a dead line. */
  #silent(): void {
    this.#lost()
    this.#giveUpSocket()
  }

  #giveUpSocket(): void {
    this.#useSocket = false
    this.#startPolling()
  }

  #frame(data: unknown): void {
    const frame = parse(data)
    if (frame?.t === 'hb' && typeof frame.server_time === 'string') this.events.clock(frame.server_time)
    if (frame?.t === 'snapshot' && frame.confirmation) this.#apply(frame.confirmation)
  }

  // --- polling

  #startPolling(prompt = false): void {
    this.#rest()
    // After a loss the first call is not held, so that "reconnecting" ends as soon as it is over.
    void this.#pollOnce(prompt || this.#link === 'reconnecting' || this.#link === 'offline')
  }

  async #pollOnce(prompt: boolean): Promise<void> {
    const abort = new AbortController()
    this.#poll = abort
    const started = this.deps.now()
    let confirmation: Confirmation
    try {
      confirmation = await this.deps.poll(this.id, prompt ? 0 : pollHoldSeconds, this.#seen, abort.signal)
    } catch (error) {
      if (!abort.signal.aborted && !isAbort(error)) this.#pollFailed(error)
      return
    }
    if (abort.signal.aborted) return
    this.#faults = 0
    this.#setLink('polling')
    const fresh = confirmation.version > this.#seen
    this.#apply(confirmation)
    if (this.#stopped) return
    if (prompt && this.#useSocket) return this.#openSocket()
    const waited = this.deps.now() - started
    this.#after(fresh || prompt ? 0 : Math.max(0, pollGapMs - waited), () => void this.#pollOnce(false))
  }

  #pollFailed(error: unknown): void {
    if (error instanceof ApiError && error.status === 401) return this.#end('session')
    if (error instanceof ApiError && error.status === 403) return this.#end('forbidden')
    if (error instanceof ApiError && error.status === 404) return this.#end('gone')
    if (!isTransient(error)) return this.#end('refused')
    this.#lost()
    this.#after(retryDelay(error, this.#faults++, this.deps.random), () => this.#startPolling())
  }

  // --- both

  #apply(confirmation: Confirmation): void {
    this.events.clock(confirmation.server_time)
    if (confirmation.version <= this.#seen) return
    this.#seen = confirmation.version
    if (confirmation.state !== 'pending') this.stop() // nothing more is to be heard here
    this.events.snapshot(confirmation)
  }

  #onlineChanged(online: boolean): void {
    if (this.#stopped) return
    if (!online) return this.#setLink('offline')
    if (this.#link === 'live') return
    this.#setLink('reconnecting')
    this.#faults = 0
    if (this.#useSocket) this.#openSocket()
    else this.#startPolling()
  }

  #lost(): void {
    this.#setLink(this.deps.online() ? 'reconnecting' : 'offline')
  }

  #setLink(link: Link): void {
    if (this.#stopped || link === this.#link) return
    this.#link = link
    this.events.link(link)
  }

  #end(why: End): void {
    this.stop()
    this.events.end(why)
  }

  #after(ms: number, run: () => void): void {
    this.deps.timers.clear(this.#timer)
    this.#timer = this.deps.timers.set(() => { if (!this.#stopped) run() }, ms)
  }

  /** Lets go of timer, socket and call. */
  #rest(): void {
    this.deps.timers.clear(this.#timer)
    const socket = this.#socket
    this.#socket = null
    socket?.close()
    this.#poll?.abort()
    this.#poll = null
  }
}

interface Frame { t?: unknown; server_time?: unknown; confirmation?: Confirmation }

function parse(data: unknown): Frame | null {
  if (typeof data !== 'string') return null
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? (value as Frame) : null
  } catch {
    return null
  }
}
