// What the forms of single sign-on know: presets, and which state the settings are in.

import type { IdentityProvider, ProviderSettings } from '../../shared/types'

export type Preset = IdentityProvider['preset']

export const presets: readonly { value: Preset; name: string; issuer: string; claim: string; link_by: IdentityProvider['link_by'] }[] = [
  { value: 'entra', name: 'Microsoft Entra ID', issuer: 'https://login.microsoftonline.com/<tenant-id>/v2.0', claim: 'preferred_username', link_by: 'user_name' },
  { value: 'okta', name: 'Okta', issuer: 'https://<your-org>.okta.com', claim: 'preferred_username', link_by: 'user_name' },
  { value: 'other', name: 'OpenID Connect', issuer: 'https://login.example.com', claim: 'preferred_username', link_by: 'user_name' },
]

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
  if (!provider) return { preset: 'entra', name: 'Microsoft Entra ID', issuer: '', client_id: '', client_secret: '', claim: 'preferred_username', link_by: 'user_name', jit: false }
  const { preset, name, issuer, client_id, claim, link_by, jit } = provider
  return { preset, name, issuer, client_id, client_secret: '', claim, link_by, jit }
}

/** The form after another preset was chosen: what somebody typed stays, what the last preset had put there changes. */
export function withPreset(form: ProviderSettings, preset: Preset): ProviderSettings {
  const before = presets.find((p) => p.value === form.preset)
  const after = presets.find((p) => p.value === preset)
  if (!before || !after) return form
  return {
    ...form,
    preset,
    name: form.name === before.name ? after.name : form.name,
    claim: form.claim === before.claim ? after.claim : form.claim,
  }
}
