import { beforeEach, describe, expect, it } from 'vitest'
import { Ask, secondsLeft, shareLeft, type AskApi } from '../src/console/confirm/ask'
import { NetworkError } from '../src/shared/api'
import type { Confirmation } from '../src/shared/types'
import { confirmation, FakeClock, FakeNetwork, problem, settle } from './fakes'

type Answer = Confirmation | Error | (() => Promise<Confirmation>)

let clock: FakeClock
let net: FakeNetwork
let creates: Answer[]
let gets: Answer[]
let proofs: Answer[]
let calls: string[]
let consumes: (string | Error)[]
let handed: string[]

async function answer(value: Answer | undefined): Promise<Confirmation> {
  if (value instanceof Error) throw value
  if (typeof value === 'function') return value()
  return value ?? confirmation(clock)
}

function ask(): Ask<string> {
  const api: AskApi = {
    create: () => { calls.push('create'); return answer(creates.shift()) },
    get: () => { calls.push('get'); return answer(gets.shift()) },
    cancel: async (id) => { calls.push(`cancel ${id}`) },
    resend: async () => { calls.push('resend'); return undefined },
    passkey: () => { calls.push('passkey'); return answer(proofs.shift()) },
  }
  const consume = async () => {
    calls.push('consume')
    const next = consumes.shift() ?? 'the value'
    if (next instanceof Error) throw next
    return next
  }
  return new Ask({ api, channel: net.deps() }, { action: 'scim.token.reveal' }, consume, (value) => handed.push(value))
}

beforeEach(() => {
  clock = new FakeClock()
  net = new FakeNetwork(clock)
  creates = []
  gets = []
  proofs = []
  calls = []
  consumes = []
  handed = []
})

async function waiting(): Promise<Ask<string>> {
  const question = ask()
  await question.start()
  return question
}

const approved = () => confirmation(clock, { version: 5, state: 'approved' })

describe('asking', () => {
  it('shows before the service answers', () => {
    const question = ask()
    void question.start()
    expect(question.view().phase).toBe('creating')
  })

  it('waits with the code that came over HTTP, which no snapshot takes away', async () => {
    creates = [confirmation(clock, { mode: 'code', code: '482913' })]
    const question = await waiting()
    net.socket.snapshot(confirmation(clock, { version: 2, mode: 'code' }))
    expect(question.view()).toMatchObject({ phase: 'waiting', confirmation: { version: 2, code: '482913' } })
  })

  it('forgets the code when it is no longer pending', async () => {
    creates = [confirmation(clock, { mode: 'code', code: '482913' })]
    const question = await waiting()
    net.socket.snapshot(confirmation(clock, { version: 2, mode: 'code', state: 'denied' }))
    expect(question.view().confirmation?.code).toBeNull()
  })

  it('hands over what was collected after the approval, once', async () => {
    await waiting()
    net.socket.snapshot(approved())
    net.socket.snapshot({ ...approved(), version: 6 })
    await settle()
    expect(handed).toEqual(['the value'])
    expect(calls.filter((c) => c === 'consume')).toHaveLength(1)
  })

  it('collects at once when the live request was approved already', async () => {
    creates = [approved()]
    await waiting()
    await settle()
    expect(handed).toEqual(['the value'])
  })

  it.each([
    [problem(409, 'no_device'), 'no_device'],
    [problem(429, 'rate_limited', 480), 'limited'],
    [problem(423, 'locked', 900), 'locked'],
    [problem(401, 'unauthorized'), 'session'],
    [problem(403, 'forbidden'), 'failed'],
    [problem(409, 'no_token'), 'failed'],
    [problem(423, 'frozen'), 'failed'],
    [problem(409, 'no_second_admin'), 'failed'],
    [problem(503, ''), 'unreachable'],
    [new NetworkError(), 'unreachable'],
  ] as const)('says what came of %s', async (error, phase) => {
    creates = [error]
    expect((await waiting()).view().phase).toBe(phase)
  })

  it('knows when a limit ends', async () => {
    creates = [problem(429, 'rate_limited', 480)]
    expect((await waiting()).view().nextAt).toBe(clock.ms + 480_000)
  })
})

describe('ends that are not approvals', () => {
  it.each(['denied', 'expired', 'cancelled', 'consumed'] as const)('%s is shown and stays', async (state) => {
    const question = await waiting()
    net.socket.snapshot(confirmation(clock, { version: 2, state }))
    await clock.pass(600_000)
    expect(question.view().phase).toBe(state)
    expect(calls).toEqual(['create'])
    expect(handed).toEqual([])
  })

  it('holds another try back for 30 s after a denial', async () => {
    const question = await waiting()
    net.socket.snapshot(confirmation(clock, { version: 2, state: 'denied' }))
    expect(question.view().nextAt).toBe(clock.ms + 30_000)
  })

  it('asks anew when told to, and no longer listens to the old request', async () => {
    const question = await waiting()
    const old = net.socket
    net.socket.snapshot(confirmation(clock, { version: 2, state: 'expired' }))
    creates = [confirmation(clock, { id: 'cnf_2' })]
    await question.start()
    old.snapshot(confirmation(clock, { version: 9, state: 'approved' }))
    await settle()
    expect(question.view()).toMatchObject({ phase: 'waiting', confirmation: { id: 'cnf_2' } })
    expect(handed).toEqual([])
  })

  it.each([['session', 4401, 'session'], ['replaced', 4409, 'replaced'], ['refused', 1008, 'refused'], ['gone', 4404, 'failed']] as const)('%s: close code %i', async (_name, code, phase) => {
    const question = await waiting()
    net.socket.drop(code)
    expect(question.view().phase).toBe(phase)
  })

  it('takes a refused line up again without a socket', async () => {
    const question = await waiting()
    net.socket.drop(1008)
    question.resume()
    expect(net.sockets).toHaveLength(1)
    await net.poll.answer(approved())
    expect(handed).toEqual(['the value'])
  })
})

describe('collecting when the answer is lost', () => {
  it('tries again while it is still approved', async () => {
    consumes = [new NetworkError(), 'second']
    gets = [approved()]
    await waiting()
    net.socket.snapshot(approved())
    await clock.pass(2_000)
    expect(handed).toEqual(['second'])
    expect(calls).toEqual(['create', 'consume', 'get', 'consume'])
  })

  it('says that it may not have arrived when it was handed out', async () => {
    consumes = [new NetworkError()]
    gets = [confirmation(clock, { version: 6, state: 'consumed' })]
    const question = await waiting()
    net.socket.snapshot(approved())
    await clock.pass(1_000)
    expect(question.view().phase).toBe('consumed')
    expect(calls.filter((c) => c === 'consume')).toHaveLength(1)
  })

  it('keeps looking while the line is down, and says so', async () => {
    consumes = [new NetworkError()]
    gets = [new NetworkError(), new NetworkError(), confirmation(clock, { version: 6, state: 'consumed' })]
    const question = await waiting()
    net.socket.snapshot(approved())
    await clock.pass(100)
    expect(question.view().link).toBe('reconnecting')
    await clock.pass(5_000)
    expect(question.view().phase).toBe('consumed')
  })

  it.each([
    [problem(409, 'already_collected'), 'consumed', null],
    [problem(410, 'collect_expired'), 'expired', 'not_collected'],
    [problem(401, 'unauthorized'), 'session', null],
    [problem(403, 'forbidden'), 'failed', null],
  ] as const)('takes %s for what it is', async (error, phase, reason) => {
    consumes = [error]
    const question = await waiting()
    net.socket.snapshot(approved())
    await settle()
    expect(question.view().phase).toBe(phase)
    if (reason) expect(question.view().confirmation?.reason).toBe(reason)
    expect(calls.filter((c) => c === 'consume')).toHaveLength(1)
  })

  it('gives up on a broken service after three tries', async () => {
    consumes = [problem(500, ''), problem(500, ''), problem(500, '')]
    gets = [approved(), approved()]
    const question = await waiting()
    net.socket.snapshot(approved())
    await clock.pass(30_000)
    expect(question.view().phase).toBe('failed')
    expect(calls.filter((c) => c === 'consume')).toHaveLength(3)
  })
})

describe('cancelling', () => {
  it('ends the request on the service too', async () => {
    const question = await waiting()
    question.cancel()
    expect(calls).toEqual(['create', 'cancel cnf_1'])
    expect(net.socket.closed).toBe(true)
  })

  it('ends a request that was still being made', async () => {
    let give: (c: Confirmation) => void = () => undefined
    creates = [() => new Promise((resolve) => { give = resolve })]
    const question = ask()
    const started = question.start()
    question.cancel()
    give(confirmation(clock))
    await started
    expect(calls).toEqual(['create', 'cancel cnf_1'])
    expect(net.sockets).toEqual([])
  })

  it('asks nothing of the service after an end', async () => {
    const question = await waiting()
    net.socket.snapshot(confirmation(clock, { version: 2, state: 'denied' }))
    question.cancel()
    expect(calls).toEqual(['create'])
  })

  it('shows nothing that arrives after it', async () => {
    let give: (value: string) => void = () => undefined
    const api: AskApi = {
      create: async () => confirmation(clock), get: async () => confirmation(clock),
      cancel: async () => undefined, resend: async () => undefined, passkey: async () => confirmation(clock),
    }
    const question = new Ask<string>({ api, channel: net.deps() }, { action: 'scim.token.reveal' }, () => new Promise((resolve) => { give = resolve }), (value) => handed.push(value))
    await question.start()
    net.socket.snapshot(approved())
    question.cancel()
    give('the value')
    await settle()
    expect(handed).toEqual([])
  })
})

describe('sending again', () => {
  it('waits 30 s, each time', async () => {
    const question = await waiting()
    await question.resend()
    await clock.pass(29_999)
    await question.resend()
    expect(calls).toEqual(['create'])
    await clock.pass(1)
    await question.resend()
    expect(calls).toEqual(['create', 'resend'])
    await question.resend()
    expect(calls).toEqual(['create', 'resend'])
    expect(question.view().askedAt).toBe(clock.ms)
  })
})

describe('a passkey instead of the phone', () => {
  it('is offered from the first answer on, which no snapshot takes away, and collects like a tap', async () => {
    creates = [confirmation(clock, { passkey: true })]
    proofs = [approved()]
    const question = await waiting()
    net.socket.snapshot(confirmation(clock, { version: 2 }))
    expect(question.view().confirmation?.passkey).toBe(true)
    await question.passkey()
    await settle()
    expect(handed).toEqual(['the value'])
    expect(question.view()).toMatchObject({ proving: false, passkeyError: null })
  })

  it('that is refused or left leaves the phone asked, and says why until the next try', async () => {
    proofs = [problem(401, 'wrong_passkey'), problem(409, 'passkey_too_new')]
    const question = await waiting()
    await question.passkey()
    expect(question.view()).toMatchObject({ phase: 'waiting', proving: false, passkeyError: { code: 'wrong_passkey' } })
    await question.passkey()
    expect(question.view()).toMatchObject({ phase: 'waiting', passkeyError: { code: 'passkey_too_new' } })
    net.socket.snapshot(approved())
    await settle()
    expect(handed).toEqual(['the value'])
  })

  it('is asked for once at a time, and not when the phone was first', async () => {
    const question = await waiting()
    let give: (value: Confirmation) => void = () => undefined
    proofs = [() => new Promise((resolve) => { give = resolve })]
    const first = question.passkey()
    await question.passkey()
    net.socket.snapshot(confirmation(clock, { version: 9, state: 'denied' }))
    give(approved())
    await first
    await question.passkey()
    expect(question.view().phase).toBe('denied')
    expect(calls.filter((c) => c === 'passkey')).toHaveLength(1)
  })
})

describe('the clock', () => {
  it('counts down by the service, not by this computer', async () => {
    const behind = new FakeClock()
    behind.ms = clock.ms - 3_600_000
    net = new FakeNetwork(behind)
    creates = [confirmation(clock, { server_time: clock.iso(60_000) })]
    const question = await waiting()
    expect(secondsLeft(question.view(), behind.ms)).toBe(240)
    expect(shareLeft(question.view(), behind.ms)).toBe(0.8)
  })

  it('stops at nothing', async () => {
    const question = await waiting()
    expect(secondsLeft(question.view(), clock.ms + 999_000)).toBe(0)
    expect(shareLeft(question.view(), clock.ms + 999_000)).toBe(0)
  })
})
