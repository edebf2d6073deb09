import { beforeEach, describe, expect, it } from 'vitest'
import { guardToken, tokenIdOf, type Loss } from '../src/console/token/guard'
import { masked, Secret } from '../src/console/token/secret'
import { NetworkError } from '../src/shared/api'
import type { TokenInfo } from '../src/shared/types'
import { problem, settle } from './fakes'

const token = { id: 'tok_1', hint: '9f2c', created_at: '', state: 'active' } satisfies TokenInfo

let session: () => Promise<unknown>
let directory: () => Promise<{ token: TokenInfo | null }>
let tick: () => void
let every: number
let losses: Loss[]

beforeEach(() => {
  session = async () => ({})
  directory = async () => ({ token })
  losses = []
})

function guard(id: string | null = 'tok_1') {
  return guardToken({
    session: () => session(),
    directory: () => directory(),
    every: (run, ms) => { tick = run; every = ms; return () => { tick = () => undefined } },
  }, id, (why) => losses.push(why))
}

async function look(): Promise<Loss[]> {
  tick()
  await settle()
  return losses
}

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
    expect(await look()).toEqual(['session'])
  })

  it('its revocation ends it', async () => {
    guard()
    directory = async () => ({ token: null })
    expect(await look()).toEqual(['revoked'])
  })

  it('another token in its place ends it', async () => {
    guard()
    directory = async () => ({ token: { ...token, id: 'tok_2' } })
    expect(await look()).toEqual(['revoked'])
  })

  it('a lost role ends it', async () => {
    guard()
    directory = () => Promise.reject(problem(403, 'forbidden'))
    expect(await look()).toEqual(['forbidden'])
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
    expect(await look()).toEqual(['session'])
  })

  it('nothing is heard after stop', async () => {
    guard().stop()
    session = () => Promise.reject(problem(401, 'unauthorized'))
    expect(await look()).toEqual([])
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
