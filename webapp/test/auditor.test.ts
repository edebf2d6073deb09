import { describe, expect, it } from 'vitest'
import { auditorOf, isAuditorKey, linkAddress, readLink } from '../src/console/auditor/link'
import { readAuditor } from '../src/console/auditor/search'

const key = `cs_key_${'a1B2'.repeat(12)}Z`

describe("an auditor's link", () => {
  it('is read as it was written', () => {
    const address = linkAddress('https://c.test', 'acme', key, '2026-12-06T10:00:00.5Z')
    expect(address).toBe(`https://c.test/w/acme/auditor#${key}.1796551200`)
    expect(readLink(new URL(address).hash.slice(1))).toEqual({ key, until: '2026-12-06T10:00:00.000Z' })
    expect(new URL(address).pathname + new URL(address).search).not.toContain('cs_key')
  })

  it.each(['', 'cs_key_', `${key}x`, `${key}.soon`, `cs_scim_${key.slice(7)}`, `${key}.1796551200<script>`])('%j is none', (text) => expect(readLink(text)).toBeNull())

  it('goes without its end', () => expect(readLink(key)).toEqual({ key }))

  it.each([
    [['log:read', 'audit:read'], true],
    [['audit:read', 'log:read'], true],
    [['audit:read'], false],
    [['audit:read', 'log:read', 'people:read'], false],
    [['audit:read', 'audit:read'], false],
  ])('the scopes %j: %s', (scopes, is) => expect(isAuditorKey(scopes)).toBe(is))

  it('is named without what all are named with', () => expect(['Auditor link: Example', 'Nightly'].map(auditorOf)).toEqual(['Example', 'Nightly']))
})

describe("an auditor's address", () => {
  it.each([
    [{ view: 'log', result: 'failed', q: 'ana' }, { view: 'log', result: 'failed', q: 'ana' }],
    [{ view: 'settings', result: 'all', person: 'ppl_1', object: 'tok_1' }, {}],
  ])('%j', (given, read) => expect(readAuditor(given)).toEqual(read))
})
