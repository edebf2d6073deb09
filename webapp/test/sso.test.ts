import { describe, expect, it } from 'vitest'
import { expiryOf, formOf, toSave, withPreset } from '../src/console/sso/settings'

describe('the form of single sign-on', () => {
  it('proposes names and attributes by protocol and preset, and keeps what somebody typed', () => {
    const empty = formOf(null)
    const saml = withPreset(empty, 'saml', 'okta')
    expect([saml.kind, saml.preset, saml.name, saml.claim]).toEqual(['saml', 'okta', 'Okta', 'NameID'])
    expect(withPreset(saml, 'oidc', 'okta').claim).toBe('preferred_username')
    const typed = withPreset({ ...saml, name: 'Acme Login', claim: 'upn' }, 'saml', 'entra')
    expect([typed.name, typed.claim]).toEqual(['Acme Login', 'upn'])
  })

  it('saves what the protocol has, and nothing else', () => {
    const form = { ...formOf(null), issuer: ' https://idp.test ', client_id: 'console', client_secret: 's', metadata: ' <x/> ', metadata_url: ' https://idp.test/m ' }
    expect(toSave(form, 'url')).toMatchObject({ issuer: 'https://idp.test', metadata: '', metadata_url: '' })
    expect(toSave({ ...form, kind: 'saml' }, 'url')).toMatchObject({ issuer: '', client_id: '', client_secret: '', metadata: '', metadata_url: 'https://idp.test/m' })
    expect(toSave({ ...form, kind: 'saml' }, 'file')).toMatchObject({ metadata: '<x/>', metadata_url: '' })
  })

  it('says how near the end of a certificate is', () => {
    const now = new Date('2026-11-22T12:00:00Z')
    expect(expiryOf('2026-11-22T12:00:00Z', now)).toBe('over')
    expect(expiryOf('2026-12-21T12:00:00Z', now)).toBe('soon')
    expect(expiryOf('2027-11-22T12:00:00Z', now)).toBe('good')
  })
})
