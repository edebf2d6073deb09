// One question to the phone, from the click to what it hands out: create, wait,
// collect. A plain object with a view that changes; the dialog only draws it.

import { ApiError, isAbort } from '../../shared/api'
import { isTransient } from '../../shared/retry'
import type { Confirmation } from '../../shared/types'
import { Channel, type ChannelDeps, type End, type Link } from './channel'
import { collect } from './collect'

export interface Question { action: string; resource?: string; params?: unknown }

export type Phase =
  | 'creating' | 'waiting' | 'collecting'
  | 'denied' | 'expired' | 'cancelled' | 'consumed'
  | 'no_device' | 'limited' | 'locked'
  | 'session' | 'replaced' | 'refused' | 'unreachable' | 'failed'

export interface AskView {
  phase: Phase
  confirmation: Confirmation | null
  link: Link
  /** The problem of `failed`. */
  error: unknown
  /** Milliseconds to add to this computer's clock to get the service's. */
  offset: number
  /** When, by this computer's clock, the request was sent or sent again. */
  askedAt: number
  /** From when, by this computer's clock, another try is allowed (send again, try again, limits). */
  nextAt: number
  /** A send-again call is on its way. */
  resending: boolean
  /** A passkey is being asked for, in the browser's own dialog. */
  proving: boolean
  /** Why the last passkey did not do. */
  passkeyError: unknown
  /** The service refused to send again: no more of them for this request. */
  resendRefused: boolean
}

export interface AskApi {
  create(question: Question): Promise<Confirmation>
  get(id: string): Promise<Confirmation>
  cancel(id: string): Promise<unknown>
  resend(id: string): Promise<Confirmation | undefined>
  /** Asks the browser for a passkey and hands its answer in. */
  passkey(id: string): Promise<Confirmation>
}

export interface AskDeps { api: AskApi; channel: ChannelDeps }

/** Before a repeated push, and after a denial. */
const pauseMs = 30_000

export class Ask<T> {
  #view: AskView
  #channel: Channel | null = null
  #listeners = new Set<() => void>()
  #closed = new AbortController()
  /** Counts the requests, so that the late answer to an older one is recognised. */
  #round = 0

  constructor(
    private readonly deps: AskDeps,
    readonly question: Question,
    private readonly consume: (confirmation: Confirmation) => Promise<T>,
    private readonly done: (value: T) => void,
  ) {
    this.#view = this.#fresh(0)
  }

  readonly view = (): AskView => this.#view

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Asks, also again after an end. The dialog shows before the service has answered. */
  async start(): Promise<void> {
    const round = ++this.#round
    this.#channel?.stop()
    this.#set(this.#fresh(this.#view.offset))
    let confirmation: Confirmation
    try {
      confirmation = await this.deps.api.create(this.question)
    } catch (error) {
      if (round === this.#round && !isAbort(error)) this.#createFailed(error)
      return
    }
    if (round !== this.#round || this.#closed.signal.aborted) {
      this.#cancelOnServer(confirmation.id) // given up before it existed here
      return
    }
    this.#clock(confirmation.server_time)
    this.#listen(confirmation, true)
    this.#apply(confirmation)
  }

  /** Takes up the same request without a socket, after the live line was refused. */
  resume(): void {
    const { confirmation } = this.#view
    if (!confirmation) return void this.start()
    this.#set({ phase: 'waiting', link: 'reconnecting' })
    this.#listen(confirmation, false)
  }

  /** Wakes the phone again about the same request. */
  async resend(): Promise<void> {
    const { confirmation, phase, nextAt, resending } = this.#view
    const now = this.deps.channel.now()
    if (phase !== 'waiting' || !confirmation || resending || now < nextAt) return
    this.#set({ resending: true })
    try {
      const next = await this.deps.api.resend(confirmation.id)
      this.#set({ resending: false, askedAt: now, nextAt: now + pauseMs })
      if (next?.id === confirmation.id) this.#apply(next)
    } catch (error) {
      this.#set({ resending: false })
      this.#resendFailed(error, now)
    }
  }

  /** Answers with a passkey instead of the phone. The phone may still be first. */
  async passkey(): Promise<void> {
    const { confirmation, phase, proving } = this.#view
    if (phase !== 'waiting' || !confirmation || proving) return
    this.#set({ proving: true, passkeyError: null })
    try {
      const next = await this.deps.api.passkey(confirmation.id)
      this.#set({ proving: false })
      if (next.id === this.#view.confirmation?.id) this.#apply(next)
    } catch (error) {
      this.#set({ proving: false, passkeyError: error })
      if (isSessionEnd(error)) this.#set({ phase: 'session', error })
    }
  }

  /** Ends the question: on the service and on the phone too while it is open. */
  cancel(): void {
    const { confirmation, phase } = this.#view
    if (confirmation && (phase === 'waiting' || phase === 'collecting' || phase === 'refused')) this.#cancelOnServer(confirmation.id)
    this.close()
  }

  /** Lets go without asking the service anything. */
  close(): void {
    this.#closed.abort()
    this.#round++
    this.#channel?.stop()
    this.#channel = null
  }

  // ---

  #fresh(offset: number): AskView {
    const now = this.deps.channel.now()
    return {
      phase: 'creating', confirmation: null, link: 'live', error: null, offset,
      askedAt: now, nextAt: now + pauseMs, resending: false, resendRefused: false, proving: false, passkeyError: null,
    }
  }

  #listen(confirmation: Confirmation, socket: boolean): void {
    this.#channel?.stop()
    this.#channel = null
    if (confirmation.state !== 'pending') return
    this.#channel = new Channel(this.deps.channel, {
      snapshot: (next) => this.#apply(next),
      clock: (time) => this.#clock(time),
      link: (link) => this.#set({ link }),
      end: (why) => this.#set(endView(why)),
    }, confirmation.id, confirmation.version, socket)
  }

  #apply(next: Confirmation): void {
    const before = this.#view.confirmation
    if (before && before.id === next.id && next.version < before.version) return
    // The digits come over HTTP only; a snapshot without them does not take them away.
    const code = next.state === 'pending' ? (next.code ?? before?.code ?? null) : null
    const confirmation = { ...next, code, passkey: next.passkey ?? before?.passkey ?? null }
    switch (next.state) {
      case 'pending':
        return this.#set({ phase: 'waiting', confirmation })
      case 'approved':
        if (this.#view.phase === 'collecting') return
        this.#set({ phase: 'collecting', confirmation })
        return void this.#collect(confirmation)
      case 'denied':
        return this.#set({ phase: 'denied', confirmation, nextAt: this.deps.channel.now() + pauseMs })
      case 'expired':
      case 'cancelled':
      case 'consumed':
        return this.#set({ phase: next.state, confirmation })
    }
  }

  async #collect(confirmation: Confirmation): Promise<void> {
    const round = this.#round
    const { api, channel } = this.deps
    const got = await collect({
      consume: () => this.consume(confirmation),
      get: () => api.get(confirmation.id),
      sleep: (ms) => new Promise((wake) => channel.timers.set(() => wake(), ms)),
      random: channel.random,
      reconnecting: (lost) => this.#set({ link: lost ? (channel.online() ? 'reconnecting' : 'offline') : 'polling' }),
      signal: this.#closed.signal,
    })
    if (got.kind === 'stopped') return
    if (got.kind === 'ok') {
      // Given up in the last moment: what arrived is not shown.
      if (!this.#closed.signal.aborted && round === this.#round) this.done(got.value)
      return
    }
    if (round !== this.#round) return
    if (got.kind === 'lost') return this.#set({ phase: 'consumed' })
    if (got.kind === 'expired') return this.#set({ phase: 'expired', confirmation: { ...confirmation, state: 'expired', reason: 'not_collected' } })
    this.#set({ phase: isSessionEnd(got.error) ? 'session' : 'failed', error: got.error })
  }

  #createFailed(error: unknown): void {
    const now = this.deps.channel.now()
    const later = now + (error instanceof ApiError ? (error.retryAfter ?? 60) * 1000 : 0)
    const code = error instanceof ApiError ? error.code : ''
    if (isSessionEnd(error)) return this.#set({ phase: 'session', error })
    if (code === 'no_device') return this.#set({ phase: 'no_device', error })
    if (code === 'rate_limited') return this.#set({ phase: 'limited', error, nextAt: later })
    if (code === 'locked') return this.#set({ phase: 'locked', error, nextAt: later })
    if (isTransient(error)) return this.#set({ phase: 'unreachable', error, nextAt: now })
    this.#set({ phase: 'failed', error, nextAt: now })
  }

  #resendFailed(error: unknown, now: number): void {
    if (isSessionEnd(error)) return this.#set({ phase: 'session', error })
    if (error instanceof ApiError && error.status === 429 && error.retryAfter !== undefined && error.retryAfter <= 60)
      return this.#set({ nextAt: now + error.retryAfter * 1000 })
    if (isTransient(error) && !(error instanceof ApiError && error.status === 429)) return this.#set({ nextAt: now + 2000 })
    // Anything else is settled by the next snapshot; there is nothing more to send.
    this.#set({ resendRefused: true })
  }

  #cancelOnServer(id: string): void {
    this.deps.api.cancel(id).catch(() => undefined) // it expires by itself
  }

  #clock(serverTime: string): void {
    const offset = Date.parse(serverTime) - this.deps.channel.now()
    if (!Number.isNaN(offset) && Math.abs(offset - this.#view.offset) > 250) this.#set({ offset })
  }

  #set(change: Partial<AskView>): void {
    if (this.#closed.signal.aborted) return
    this.#view = { ...this.#view, ...change }
    for (const listener of this.#listeners) listener()
  }
}

function endView(why: End): Partial<AskView> {
  if (why === 'session') return { phase: 'session' }
  if (why === 'replaced') return { phase: 'replaced' }
  if (why === 'refused') return { phase: 'refused' }
  const code = why === 'forbidden' ? 'forbidden' : 'not_found'
  return { phase: 'failed', error: new ApiError(why === 'forbidden' ? 403 : 404, code, '') }
}

function isSessionEnd(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401 && error.code === 'unauthorized'
}

/** Seconds until the request ends, by the service's clock. */
export function secondsLeft(view: AskView, now: number): number {
  if (!view.confirmation) return 0
  return Math.max(0, (Date.parse(view.confirmation.expires_at) - now - view.offset) / 1000)
}

/** What part of its time the request has left, 1 to 0. */
export function shareLeft(view: AskView, now: number): number {
  const { confirmation } = view
  if (!confirmation) return 1
  const whole = (Date.parse(confirmation.expires_at) - Date.parse(confirmation.created_at)) / 1000
  return whole > 0 ? Math.min(1, secondsLeft(view, now) / whole) : 0
}
