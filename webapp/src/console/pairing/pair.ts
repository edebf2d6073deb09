// One pairing, from the code on the screen to the active phone. A plain object
// with a view that changes; the panel draws it.

import { ApiError } from '../../shared/api'
import { isTransient, retryDelay } from '../../shared/retry'
import type { Pairing, PairingStart, PairingState } from '../../shared/types'
import type { Timers } from '../confirm/channel'

export interface PairView {
  start: PairingStart
  state: PairingState
  sas: string | null
  device: string | null
  /** They match / No is on its way. */
  answering: boolean
  /** No answer from the service at present. */
  lost: boolean
  error: unknown
}

export interface PairDeps {
  get(id: string, wait: number, since: PairingState, signal: AbortSignal): Promise<Pairing>
  match(id: string, match: boolean): Promise<Pairing>
  timers: Timers
  random(): number
  now(): number
}

const holdSeconds = 25
const gapMs = 1000
const final: readonly PairingState[] = ['active', 'refused', 'expired']

export class PairingWatch {
  #view: PairView
  #listeners = new Set<() => void>()
  #stopped = new AbortController()
  #timer: unknown = null
  #faults = 0

  constructor(private readonly deps: PairDeps, start: PairingStart) {
    this.#view = { start, state: 'open', sas: null, device: null, answering: false, lost: false, error: null }
    void this.#poll()
  }

  readonly view = (): PairView => this.#view

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stop(): void {
    this.#stopped.abort()
    this.deps.timers.clear(this.#timer)
  }

  /** What the person says about the digits on both screens. */
  async answer(match: boolean): Promise<void> {
    if (this.#view.answering || this.#view.state !== 'claimed') return
    this.#set({ answering: true, error: null })
    try {
      this.#apply(await this.deps.match(this.#view.start.id, match))
      this.#set({ answering: false })
    } catch (error) {
      this.#set({ answering: false, error })
    }
  }

  async #poll(): Promise<void> {
    const { start, state, lost } = this.#view
    const began = this.deps.now()
    try {
      const next = await this.deps.get(start.id, lost ? 0 : holdSeconds, state, this.#stopped.signal)
      this.#faults = 0
      const same = next.state === state
      this.#set({ lost: false })
      this.#apply(next)
      this.#again(same ? gapMs - (this.deps.now() - began) : 0)
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      if (!isTransient(error)) return this.#failed(error)
      this.#set({ lost: true })
      this.#again(retryDelay(error, this.#faults++, this.deps.random))
    }
  }

  #failed(error: unknown): void {
    const over = error instanceof ApiError && (error.status === 404 || error.status === 410)
    this.#set(over ? { state: 'expired' } : { error })
  }

  #again(ms: number): void {
    if (this.#stopped.signal.aborted || final.includes(this.#view.state)) return
    this.#timer = this.deps.timers.set(() => void this.#poll(), Math.max(0, ms))
  }

  #apply(next: Pairing): void {
    // An answer that was held may be older than the one of "They match".
    if (order[next.state] < order[this.#view.state]) return
    this.#set({ state: next.state, sas: next.sas ?? this.#view.sas, device: next.device?.name ?? this.#view.device })
  }

  #set(change: Partial<PairView>): void {
    if (this.#stopped.signal.aborted) return
    this.#view = { ...this.#view, ...change }
    for (const listener of this.#listeners) listener()
  }
}

const order: Record<PairingState, number> = { open: 0, claimed: 1, matched: 2, active: 3, refused: 3, expired: 3 }
