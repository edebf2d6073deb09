import { describe, expect, it } from 'vitest'
import { asSchema, mistake, noAttribute, noSchema, urnOf, type AttributeDraft } from '../src/console/directory/schemas/draft'
import { missing, noDraft, parseDraft, slugFrom, slugOf } from '../src/console/pages/setup-draft'
import { allowedLifetimes } from '../src/console/token/life'

const attribute = (part: Partial<AttributeDraft>): AttributeDraft => ({ ...noAttribute, ...part })

describe('a schema that is being written', () => {
  it('has a URN after its name until somebody types one', () => {
    expect(urnOf({ ...noSchema, name: 'Acme GmbH' })).toBe('urn:ietf:params:scim:schemas:extension:acmegmbh:2.0:User')
    expect(urnOf({ ...noSchema, name: 'Acme', kind: 'Group', urn: 'urn:x' })).toBe('urn:x')
    expect(urnOf(noSchema)).toBe('')
  })

  it.each<[string, AttributeDraft, string | null]>([
    ['a good one', attribute({ name: 'badge' }), null],
    ['one without a name', attribute({ name: ' ' }), 'console.required'],
    ['a name that begins with a digit', attribute({ name: '1st' }), 'console.schemas.bad_name'],
    ['a complex one without parts', attribute({ name: 'keys', type: 'complex' }), 'console.schemas.no_parts'],
    ['a part that is complex itself', attribute({ name: 'keys', type: 'complex', parts: 'value: complex' }), 'console.schemas.bad_parts'],
    ['a complex one with parts', attribute({ name: 'keys', type: 'complex', parts: 'value\nprimary: boolean' }), null],
  ])('%s', (_, one, want) => {
    expect(mistake(one, [one])).toBe(want)
  })

  it('tells two attributes of one name apart from nothing', () => {
    const [a, b] = [attribute({ name: 'Badge' }), attribute({ name: 'badge' })]
    expect(mistake(b, [a, b])).toBe('console.schemas.twice')
  })

  it('is sent with what was filled in, and nothing else', () => {
    const draft = { ...noSchema, name: ' Acme ', attributes: [attribute({ name: 'badge', exact: true, values: 'a\n\nb' }), attribute({ name: 'keys', type: 'complex', several: true, parts: 'value\nprimary: boolean' })] }
    expect(asSchema(draft)).toEqual({
      resource_type: 'User', urn: 'urn:ietf:params:scim:schemas:extension:acme:2.0:User', name: 'Acme',
      attributes: [
        { name: 'badge', type: 'string', case_exact: true, canonical_values: ['a', 'b'] },
        { name: 'keys', type: 'complex', multi_valued: true, sub_attributes: [{ name: 'value', type: 'string' }, { name: 'primary', type: 'boolean' }] },
      ],
    })
  })
})

describe('the draft of the set-up', () => {
  it('comes back after a reload without the code', () => {
    expect(parseDraft(JSON.stringify({ step: 2, code: 'secret', workspace: 'Acme', slug: null, name: 'Ana', email: 'ana@acme.test' })))
      .toEqual({ step: 2, code: '', workspace: 'Acme', slug: null, name: 'Ana', email: 'ana@acme.test' })
  })

  it.each(['', 'null', '[1]', '{"step":7,"name":3}'])('is empty for %s', (text) => {
    expect(parseDraft(text)).toEqual(noDraft)
  })

  it('takes the address from the name until one is typed', () => {
    expect(slugFrom('Acme Österreich GmbH')).toBe('acme-osterreich-gmbh')
    expect(slugOf({ slug: null, workspace: 'Acme' })).toBe('acme')
    expect(slugOf({ slug: '', workspace: 'Acme' })).toBe('')
    expect(missing({ ...noDraft, workspace: 'Acme' }, ['code', 'workspace', 'slug'])).toEqual(['code'])
  })
})

it('a workspace with a limit offers neither "never" nor what is longer', () => {
  expect(allowedLifetimes(0).map(({ days }) => days)).toEqual([0, 90, 180, 365, 730])
  expect(allowedLifetimes(180).map(({ days }) => days)).toEqual([90, 180])
})
