import { beforeEach, describe, expect, it } from 'vitest'
import { PairingWatch, type PairDeps } from '../src/console/pairing/pair'
import { NetworkError } from '../src/shared/api'
import type { Pairing, PairingState } from '../src/shared/types'
import { FakeClock, problem, settle } from './fakes'

interface Held { since: PairingState; wait: number; answer(p: Pairing): Promise<void>; fail(e: Error): Promise<void> }

let clock: FakeClock
let held: Held[]
let answers: boolean[]

const start = { id: 'par_1', code: 'K7QX-93MD', link: 'https://phone.test/#pair=x', expires_at: '2026-05-03T14:07:00Z' }

function pairing(state: PairingState): Pairing {
  return { id: 'par_1', state, expires_at: start.expires_at, sas: state === 'open' ? null : '482913', device: state === 'open' ? null : { id: 'dev_1', name: 'iPhone', platform: 'web' } }
}

function watch(): PairingWatch {
  const deps: PairDeps = {
    get: (_id, wait, since) => new Promise((resolve, reject) => {
      held.push({ since, wait, answer: async (p) => { resolve(p); await settle() }, fail: async (e) => { reject(e); await settle() } })
    }),
    match: async (_id, match) => { answers.push(match); return pairing(match ? 'matched' : 'refused') },
    timers: clock.timers, random: () => 0.5, now: () => clock.ms,
  }
  return new PairingWatch(deps, start)
}

const last = () => held.at(-1)!

beforeEach(() => {
  clock = new FakeClock()
  held = []
  answers = []
})

describe('a pairing', () => {
  it('goes from the code over the digits to the active phone', async () => {
    const pair = watch()
    await last().answer(pairing('claimed'))
    expect(pair.view()).toMatchObject({ state: 'claimed', sas: '482913', device: 'iPhone' })
    await pair.answer(true)
    expect(pair.view().state).toBe('matched')
    await clock.pass(0)
    expect(last().since).toBe('matched')
    await last().answer(pairing('active'))
    expect(pair.view().state).toBe('active')
    expect(clock.pending()).toBe(0)
    expect(answers).toEqual([true])
  })

  it('does not go back when an older answer comes late', async () => {
    const pair = watch()
    await last().answer(pairing('claimed'))
    await clock.pass(0)
    await pair.answer(true)
    await last().answer(pairing('claimed'))
    expect(pair.view().state).toBe('matched')
  })

  it('ends when the digits differ', async () => {
    const pair = watch()
    await last().answer(pairing('claimed'))
    await pair.answer(false)
    expect(pair.view().state).toBe('refused')
  })

  it('is not answered before there are digits, nor twice', async () => {
    const pair = watch()
    await pair.answer(true)
    await last().answer(pairing('claimed'))
    await Promise.all([pair.answer(true), pair.answer(true)])
    expect(answers).toEqual([true])
  })

  it('goes on after a lost line', async () => {
    const pair = watch()
    await last().fail(new NetworkError())
    expect(pair.view().lost).toBe(true)
    await clock.pass(500)
    expect(last().wait).toBe(0)
    await last().answer(pairing('open'))
    expect(pair.view().lost).toBe(false)
  })

  it.each([404, 410])('is over after %i', async (status) => {
    const pair = watch()
    await last().fail(problem(status, 'pairing_expired'))
    expect(pair.view().state).toBe('expired')
    await clock.pass(60_000)
    expect(held).toHaveLength(1)
  })

  it('asks no more than once a second when it is answered at once', async () => {
    watch()
    await last().answer(pairing('open'))
    await clock.pass(999)
    expect(held).toHaveLength(1)
    await clock.pass(1)
    expect(held).toHaveLength(2)
  })

  it('does nothing after stop', async () => {
    const pair = watch()
    pair.stop()
    await last().answer(pairing('claimed'))
    await clock.pass(60_000)
    expect(pair.view().state).toBe('open')
    expect(held).toHaveLength(1)
  })
})
