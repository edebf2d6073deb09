import { createPrivateKey, createPublicKey, generateKeyPairSync, sign as nodeSign, verify as nodeVerify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { b64url, lp, random, sha256, text, unb64url, utf8, type Bytes } from '../../src/companion/wire/bytes'
import { derFromRaw, rawFromDer } from '../../src/companion/wire/der'
import { newKey, sas, sign, spki, verify } from '../../src/companion/wire/keys'

const hex = (b: Uint8Array) => Buffer.from(b).toString('hex')
const bytes = (b: Uint8Array): Bytes => new Uint8Array(b)
const nodeKey = async (key: CryptoKey) => createPublicKey({ key: Buffer.from(await spki(key)), format: 'der', type: 'spki' })

describe('lp', () => {
  it('prefixes each part with its length', () => {
    expect(hex(lp('d', utf8('ab'), utf8(''), new Uint8Array([0xff])))).toBe('6400' + '000000026162' + '00000000' + '00000001ff')
  })
  it('lets no part run into the next', () => {
    expect(hex(lp('d', utf8('a'), utf8('bc')))).not.toBe(hex(lp('d', utf8('ab'), utf8('c'))))
  })
})

describe('base64url', () => {
  it('has no padding and comes back', () => {
    for (let n = 0; n < 40; n++) {
      const b = random(n)
      expect(b64url(b)).toBe(Buffer.from(b).toString('base64url'))
      expect(hex(unb64url(b64url(b)))).toBe(hex(b))
    }
  })
  it.each(['a+b/', 'YQ==', 'a b', 'YR', 'Y'])('refuses %s', (value) => {
    expect(() => unb64url(value)).toThrow()
  })
  it('refuses text that is not UTF-8', () => {
    expect(() => text(new Uint8Array([0xff, 0xfe]))).toThrow()
  })
})

describe('signatures', () => {
  it('are DER that another implementation accepts, 4000 times', async () => {
    const pair = await newKey()
    const pub = await nodeKey(pair.publicKey)
    const batch = async (from: number) => {
      for (let i = from; i < from + 500; i++) {
        const message = utf8(`message ${i}`)
        const der = await sign(pair.privateKey, message)
        expect(nodeVerify('sha256', message, { key: pub, dsaEncoding: 'der' }, der)).toBe(true)
        expect(hex(derFromRaw(rawFromDer(der)))).toBe(hex(der))
      }
    }
    await Promise.all([0, 500, 1000, 1500, 2000, 2500, 3000, 3500].map(batch))
  }, 60_000)

  it('made elsewhere are accepted here, short integers too', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pub = bytes(pair.publicKey.export({ format: 'der', type: 'spki' }))
    const seen = new Set<number>()
    for (let i = 0; i < 1500; i++) {
      const message = utf8(`server ${i}`)
      const der = bytes(nodeSign('sha256', message, { key: pair.privateKey, dsaEncoding: 'der' }))
      seen.add(der.length)
      expect(await verify(pub, message, der)).toBe(true)
    }
    expect(seen.size).toBeGreaterThan(2)
  }, 60_000)

  it('with a missing or another curve are just not valid', async () => {
    const other = bytes(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'der', type: 'spki' }))
    const pair = await newKey()
    const der = await sign(pair.privateKey, utf8('m'))
    expect(await verify(other, utf8('m'), der)).toBe(false)
    expect(await verify(utf8('nothing'), utf8('m'), der)).toBe(false)
    expect(await verify(await spki(pair.publicKey), utf8('n'), der)).toBe(false)
  })

  it('come from keys that cannot be exported', async () => {
    const pair = await newKey()
    expect(pair.privateKey.extractable).toBe(false)
    await expect(crypto.subtle.exportKey('pkcs8', pair.privateKey)).rejects.toThrow()
    expect(() => createPrivateKey({ key: Buffer.from('x'), format: 'der', type: 'pkcs8' })).toThrow()
  })
})

describe('DER', () => {
  it('drops leading zeros and adds a sign byte', () => {
    const raw = new Uint8Array(64)
    raw[31] = 0x80
    raw[63] = 1
    expect(hex(derFromRaw(raw))).toBe('3007' + '02020080' + '020101')
    expect(hex(rawFromDer(derFromRaw(raw)))).toBe(hex(raw))
  })
  const good = '3007' + '02020080' + '020101'
  it.each([
    ['trailing bytes', good + '00'],
    ['a wrong length', '3008' + '02020080' + '020101'],
    ['a padded integer', '3008' + '0203000001' + '020101'],
    ['a negative integer', '3006' + '020180' + '020101'],
    ['one integer only', '3004' + '02020080'],
    ['another tag', '3107' + '02020080' + '020101'],
    ['an empty integer', '3005' + '0200' + '020101'],
    ['nothing', ''],
  ])('refuses %s', (_, der) => {
    expect(() => rawFromDer(bytes(Buffer.from(der, 'hex')))).toThrow()
  })
  it('refuses another size of r‖s', () => {
    expect(() => derFromRaw(new Uint8Array(63))).toThrow()
  })
})

describe('sas', () => {
  it('is six digits, the hash modulo a million', async () => {
    const parts = [utf8('pair_1'), utf8('uv'), utf8('poll'), utf8('server')] as const
    const hash = Buffer.from(await sha256(lp('countersign/sas/v1', ...parts)))
    const want = (hash.readBigUInt64BE(0) % 1_000_000n).toString().padStart(6, '0')
    expect(await sas(...parts)).toBe(want)
    expect(await sas(...parts)).toMatch(/^\d{6}$/)
  })
  it('changes with every key', async () => {
    const all = await Promise.all(['uv', 'vu', 'xx'].map((k) => sas(utf8('p'), utf8(k), utf8('poll'), utf8('server'))))
    expect(new Set(all).size).toBe(3)
  })
})
