import { beforeEach, describe, expect, it } from 'vitest'
import { guardToken, isShown, lossOf, tokenIdOf, type Loss } from '../src/console/token/guard'
import { masked, Secret } from '../src/console/token/secret'
import { NetworkError } from '../src/shared/api'
import type { TokenInfo } from '../src/shared/types'
import { problem, settle } from './fakes'

const token = { id: 'tok_1', hint: '9f2c', created_at: '', state: 'active' } satisfies TokenInfo

const fresh = { id: 'tok_2', hint: 'a771', created_at: '2026-05-03T14:20:00Z', created_by: 'Cleo', state: 'active', replaces: 'tok_1' } satisfies TokenInfo

let session: () => Promise<unknown>
let directory: () => Promise<{ token: TokenInfo | null; tokens: TokenInfo[] }>
let tick: () => void
let every: number
let losses: Loss[]

beforeEach(() => {
  session = async () => ({})
  directory = async () => ({ token, tokens: [token] })
  losses = []
})

function guard(id: string | null = 'tok_1') {
  return guardToken({
    session: () => session(),
    directory: () => directory(),
    every: (run, ms) => { tick = run; every = ms; return () => { tick = () => undefined } },
  }, { id, hint: '9f2c' }, (loss) => losses.push(loss))
}

async function look(): Promise<Loss[]> {
  tick()
  await settle()
  return losses
}

describe('the token on screen', () => {
  it.each([
    ['its id, whatever its hint', { id: 'tok_1', hint: '….' }, true],
    ['another id under the same hint', { id: 'tok_3', hint: '9f2c' }, false],
    ['its hint where no id is known', { id: null, hint: '…9f2c' }, true],
    ['another hint', { id: null, hint: 'a771' }, false],
  ])('is known by %s', (_, shown, want) => {
    expect(isShown(token, shown)).toBe(want)
  })
})

describe('while a token is shown', () => {
  it('it is looked after often enough to be gone in five seconds', () => {
    guard()
    expect(every).toBeLessThanOrEqual(3000)
  })

  it('nothing happens as long as session and token live', async () => {
    guard()
    expect(await look()).toEqual([])
  })

  it('the end of the session ends it', async () => {
    guard()
    session = () => Promise.reject(problem(401, 'unauthorized'))
    expect(await look()).toEqual([{ why: 'session' }])
  })

  it('its revocation ends it', async () => {
    guard()
    directory = async () => ({ token: null, tokens: [{ ...token, state: 'revoked', ended_by: 'Ben', revoked_at: '2026-05-03T14:20:00Z' }] })
    expect(await look()).toEqual([{ why: 'revoked', by: 'Ben', at: '2026-05-03T14:20:00Z' }])
  })

  it('another token in its place ends it', async () => {
    guard()
    directory = async () => ({ token: fresh, tokens: [fresh, { ...token, state: 'replaced', valid_until: '2026-05-04T14:20:00Z' }] })
    expect(await look()).toEqual([{ why: 'replaced', by: 'Cleo', at: '2026-05-03T14:20:00Z', until: '2026-05-04T14:20:00Z' }])
  })

  it('a lost role ends it', async () => {
    guard()
    directory = () => Promise.reject(problem(403, 'forbidden'))
    expect(await look()).toEqual([{ why: 'forbidden' }])
  })

  it('a line that is down does not', async () => {
    guard()
    session = directory = () => Promise.reject(new NetworkError())
    expect(await look()).toEqual([])
  })

  it('it ends once', async () => {
    guard()
    session = directory = () => Promise.reject(problem(401, 'unauthorized'))
    await look()
    expect(await look()).toEqual([{ why: 'session' }])
  })

  it('nothing is heard after stop', async () => {
    guard().stop()
    session = () => Promise.reject(problem(401, 'unauthorized'))
    expect(await look()).toEqual([])
  })
})

describe('what became of a token', () => {
  const shown = { id: null, hint: '…9f2c' }
  it.each<[string, { token: TokenInfo | null; tokens: TokenInfo[] }, Loss | null]>([
    ['it is the one that counts, known by its hint', { token, tokens: [token] }, null],
    ['it has expired', { token: { ...token, state: 'expired' }, tokens: [token] }, { why: 'expired' }],
    ['it was exposed: replaced and revoked', { token: fresh, tokens: [fresh, { ...token, state: 'revoked' }] }, { why: 'revoked', by: undefined, at: undefined }],
    ['nobody knows it any more', { token: fresh, tokens: [fresh] }, { why: 'revoked', by: undefined, at: undefined }],
  ])('%s', (_, directory, want) => {
    expect(lossOf(directory, shown)).toEqual(want)
  })
})

it.each([['scim_token:tok_1', 'tok_1'], ['scim_token:new', null], ['device:dev_1', null], [null, null]])('the token of resource %s is %s', (resource, id) => {
  expect(tokenIdOf(resource)).toBe(id)
})

it('a hidden token shows its last four characters, however the hint is written', () => {
  expect(masked('9f2c')).toBe('••••••••••••9f2c')
  expect(masked('…9f2c')).toBe('••••••••••••9f2c')
})

it('a secret is gone when wiped and never in JSON', () => {
  const secret = new Secret('cs_scim_x')
  expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}')
  secret.wipe()
  expect(secret.read()).toBe('')
})
