// What the forms of single sign-on know: presets, and which state the settings are in.

import type { IdentityProvider, ProviderSettings } from '../../shared/types'

export type Preset = IdentityProvider['preset']
export type Kind = IdentityProvider['kind']

interface Proposal { value: Preset; name: string; issuer: string; claim: string }

const upn = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'

/** What each preset puts into the form, by protocol. */
export const presets: Readonly<Record<Kind, readonly Proposal[]>> = {
  oidc: [
    { value: 'entra', name: 'Microsoft Entra ID', issuer: 'https://login.microsoftonline.com/<tenant-id>/v2.0', claim: 'preferred_username' },
    { value: 'okta', name: 'Okta', issuer: 'https://<your-org>.okta.com', claim: 'preferred_username' },
    { value: 'other', name: 'OpenID Connect', issuer: 'https://login.example.com', claim: 'preferred_username' },
  ],
  saml: [
    { value: 'entra', name: 'Microsoft Entra ID', issuer: '', claim: upn },
    { value: 'okta', name: 'Okta', issuer: '', claim: 'NameID' },
    { value: 'other', name: 'SAML', issuer: '', claim: 'NameID' },
  ],
}

export type State = 'none' | 'untested' | 'failed' | 'tested' | 'on' | 'enforced'

/** What has been done, and so what comes next. */
export function stateOf(provider: IdentityProvider | null): State {
  if (!provider) return 'none'
  if (provider.enforced) return 'enforced'
  if (provider.active) return 'on'
  if (!provider.test) return 'untested'
  return provider.test.code ? 'failed' : 'tested'
}

/** The form as it opens: what is saved, or the preset's values. The secret is never shown and stays where the field is left empty. */
export function formOf(provider: IdentityProvider | null): ProviderSettings {
  if (!provider) return { kind: 'oidc', preset: 'entra', name: 'Microsoft Entra ID', issuer: '', client_id: '', client_secret: '', metadata: '', metadata_url: '', claim: 'preferred_username', link_by: 'user_name', jit: false }
  const { kind, preset, name, issuer, client_id, claim, link_by, jit, saml } = provider
  return { kind, preset, name, issuer, client_id, client_secret: '', metadata: '', metadata_url: saml?.metadata_url ?? '', claim, link_by, jit }
}

/** The form after another protocol or preset was chosen: what somebody typed stays, what the last choice had put there changes. */
export function withPreset(form: ProviderSettings, kind: Kind, preset: Preset): ProviderSettings {
  const before = presets[form.kind].find((p) => p.value === form.preset)
  const after = presets[kind].find((p) => p.value === preset)
  if (!before || !after) return form
  return {
    ...form,
    kind,
    preset,
    name: form.name === before.name ? after.name : form.name,
    claim: form.claim === before.claim ? after.claim : form.claim,
  }
}

/** What the service is told: only what the protocol has. */
export function toSave(form: ProviderSettings, source: 'url' | 'file'): ProviderSettings {
  const said = { ...form, name: form.name.trim(), claim: form.claim.trim() }
  if (form.kind === 'oidc') return { ...said, issuer: form.issuer.trim(), client_id: form.client_id.trim(), metadata: '', metadata_url: '' }
  const none = { ...said, issuer: '', client_id: '', client_secret: '' }
  return source === 'url' ? { ...none, metadata: '', metadata_url: form.metadata_url?.trim() ?? '' } : { ...none, metadata: form.metadata?.trim() ?? '', metadata_url: '' }
}

const soonDays = 30

/** How near a certificate's end is. */
export function expiryOf(at: string, now: Date): 'good' | 'soon' | 'over' {
  const left = new Date(at).getTime() - now.getTime()
  if (left <= 0) return 'over'
  return left < soonDays * 86_400_000 ? 'soon' : 'good'
}
