// The published vectors (mobileapi/vectors): what an app for iOS or Android is written against has to hold for this one as well.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkChallenge, Distrust, signAnswer } from '../../src/companion/challenge'
import { claimMessage } from '../../src/companion/pairing'
import { Coup, follow } from '../../src/companion/serverkeys'
import type { ServerKey } from '../../src/companion/store'
import { b64url, lp, sha256, text, unb64url, utf8, type Bytes } from '../../src/companion/wire/bytes'
import { pairingCode, pairLink } from '../../src/companion/wire/code'
import { derFromRaw, rawFromDer } from '../../src/companion/wire/der'
import { newKey, sas, verify } from '../../src/companion/wire/keys'

// any: the files are checked by what the tests expect of them.
const file = (name: string): any => JSON.parse(readFileSync(new URL(`../../../mobileapi/vectors/${name}.json`, import.meta.url), 'utf8'))
const hex = (b: Uint8Array) => Buffer.from(b).toString('hex')
const cases = (list: any[]): [string, any][] => list.map((v) => [v.name, v])
const key = (vectors: any, use: string): Bytes => unb64url(vectors.keys.find((k: any) => k.use === use).spki)

describe('signatures', () => {
  const vectors = file('signature')
  it.each(cases(vectors.accepted))('convert both ways: %s', async (_, v) => {
    expect(b64url(derFromRaw(unb64url(v.sig.raw)))).toBe(v.sig.der)
    expect(b64url(rawFromDer(unb64url(v.sig.der)))).toBe(v.sig.raw)
    expect(await verify(key(vectors, 'uv'), utf8(v.message_json), unb64url(v.sig.der))).toBe(true)
  })
})

describe('pair', () => {
  const vectors = file('pair')
  it.each(vectors.typed_codes as { typed: string; normal: string }[])('reads the typed code $typed', ({ typed, normal }) => {
    expect(pairingCode(typed)).toBe(normal)
  })
  it.each(cases(vectors.accepted))('signs what the server expects: %s', async (_, v) => {
    const uv = key(vectors, 'uv')
    const poll = key(vectors, 'poll')
    const link = v.link ? pairLink(v.link)! : { id: v.pairing, secret: pairingCode(v.typed) }
    expect(link).toEqual({ id: v.pairing, secret: v.secret })
    const message = await claimMessage(link, uv, poll, utf8(v.payload_json))
    expect(hex(message)).toBe(v.message.lp_hex)
    expect(await verify(uv, message, unb64url(v.sig_uv.der))).toBe(true)
    expect(await verify(poll, message, unb64url(v.sig_poll.der))).toBe(true)
  })
})

describe('sas', () => {
  it.each(cases(file('sas').accepted))('gives the same digits: %s', async (_, v) => {
    const digits = await sas(utf8(v.pairing), unb64url(v.uv_spki), unb64url(v.poll_spki), unb64url(v.server_keys[0].spki))
    expect(digits).toBe(v.sas)
  })
})

describe('challenge', () => {
  const vectors = file('challenge')
  const fields = JSON.parse(vectors.accepted[0].challenge_json)
  const account = {
    id: vectors.device, workspace: { id: fields.wsp, name: '' }, person: { id: fields.usr, name: '' },
    serverKeys: vectors.pinned.map((k: any) => ({ kid: k.kid, spki: unb64url(k.spki) })),
  }
  it.each(cases(vectors.accepted))('is believed: %s', async (_, v) => {
    const c = await checkChallenge(account, JSON.parse(v.challenge_json).cid, JSON.parse(v.reply_json), fields.iat)
    expect(text(c.bytes)).toBe(v.challenge_json)
    expect(hex(lp('countersign/challenge/v1', c.bytes))).toBe(v.message.lp_hex)
    expect(b64url(await sha256(c.bytes))).toBe(v.chs)
  })
  it.each(cases(vectors.refused))('is refused: %s', async (_, v) => {
    await expect(checkChallenge(account, v.cid, JSON.parse(v.reply_json), fields.iat)).rejects.toBeInstanceOf(Distrust)
  })
})

const pinned = (list: any[]): ServerKey[] => list.map((k) => ({ kid: k.kid, spki: unb64url(k.spki), ...(k.until ? { until: k.until } : {}) }))

// What `phonesim --evil-server` plays to a running client.
describe('an evil server', () => {
  const vectors = file('evil')
  const account = {
    id: vectors.device, workspace: { id: vectors.workspace, name: '' }, person: { id: vectors.person, name: '' }, serverKeys: pinned(vectors.pinned),
  }
  it.each(cases(vectors.accepted))('is believed: %s', async (_, v) => {
    expect((await checkChallenge(account, v.cid, v.reply, vectors.now)).cid).toBe(v.cid)
  })
  it.each(cases(vectors.refused))('is refused: %s', async (_, v) => {
    await expect(checkChallenge(account, v.cid, v.reply, vectors.now)).rejects.toBeInstanceOf(Distrust)
  })
})

describe('a new server key', () => {
  const vectors = file('server-key')
  it.each(cases(vectors.accepted))('is pinned: %s', async (_, v) => {
    const key = await follow(pinned(v.pinned), v.reply.server_key, v.reply.announcements)
    expect({ kid: key.kid, spki: b64url(key.spki) }).toEqual(v.pins)
    v.messages.forEach((m: any, i: number) => {
      expect(hex(lp('countersign/server-key/v1', unb64url(v.reply.announcements[i].announcement)))).toBe(m.lp_hex)
      expect(text(unb64url(v.reply.announcements[i].announcement))).toBe(v.announcements_json[i])
    })
  })
  it.each(cases(vectors.refused))('is not pinned: %s', async (_, v) => {
    await expect(follow(pinned(v.pinned), v.reply.server_key, v.reply.announcements ?? [])).rejects.toBeInstanceOf(Coup)
  })
})

describe('response', () => {
  const vectors = file('response')
  it.each(cases(vectors.accepted))('is signed over the same bytes: %s', async (_, v) => {
    const message = lp('countersign/response/v1', unb64url(v.challenge), utf8(v.response_json))
    expect(hex(message)).toBe(v.message.lp_hex)
    expect(await verify(key(vectors, v.key), message, unb64url(v.sig.der))).toBe(true)
  })
  it('has the members of the vector of a browser', async () => {
    const v = vectors.accepted.find((each: any) => each.name.includes('browser'))
    const device = JSON.parse(v.response_json).dev
    const account: any = { id: device, offset: 0, keys: { uv: await newKey(), poll: await newKey() } }
    const got = await signAnswer(account, { bytes: unb64url(v.challenge), cid: v.cid } as any, { dec: 'approve' })
    const { iat: ours, ...mine } = JSON.parse(text(unb64url(got.response)))
    const { iat: theirs, ...want } = JSON.parse(v.response_json)
    expect(mine).toEqual(want)
    expect([typeof ours, typeof theirs]).toEqual(['number', 'number'])
  })
})

describe('request', () => {
  const vectors = file('request')
  it.each(cases(vectors.accepted))('is signed over the same bytes: %s', async (_, v) => {
    const parts = [utf8(v.method), utf8(v.target), utf8(String(v.ts)), unb64url(v.jti), await sha256(utf8(v.body_json ?? ''))]
    const message = lp('countersign/request/v1', ...parts)
    expect(hex(message)).toBe(v.message.lp_hex)
    expect(await verify(key(vectors, 'poll'), message, unb64url(v.sig.der))).toBe(true)
    expect(v.header).toBe(`v1;dev=${v.device};ts=${v.ts};jti=${v.jti};sig=${v.sig.der}`)
  })
})
