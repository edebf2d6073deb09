// What the console's HTTP calls carry, as wire.md names it. Times are RFC 3339 in UTC.

export type Role = 'owner' | 'super_admin' | 'admin' | 'user' | 'guest'

export const roles: readonly Role[] = ['owner', 'super_admin', 'admin', 'user', 'guest']

/** Roles that may open Workspace Configuration. */
export const configRoles: readonly Role[] = ['owner', 'super_admin', 'admin']

export interface PersonRef { id: string; name: string; email: string; role: Role }
export interface WorkspaceRef { id: string; slug: string; name: string }

export interface Setup { needed: boolean; brand: string }

export interface SetupRequest {
  code: string
  workspace: { slug: string; name: string }
  owner: { name: string; email: string; password: string }
}

export interface Session {
  person: PersonRef
  workspace: WorkspaceRef
  workspaces: (WorkspaceRef & { person: PersonRef })[]
  brand: string
  companion_url: string
  fresh_until?: string
  server_time: string
}

/** What an admin says about the identity provider. */
export interface ProviderSettings {
  preset: 'entra' | 'okta' | 'other'
  name: string
  issuer: string
  client_id: string
  client_secret: string
  claim: string
  link_by: 'user_name' | 'external_id'
  jit: boolean
}

export interface IdentityProvider extends Omit<ProviderSettings, 'client_secret'> {
  kind: 'oidc' | 'saml'
  has_secret: boolean
  active: boolean
  enforced: boolean
  test?: { at: string; code: string; subject?: string; claim?: string }
  updated_at: string
}

export interface Domain {
  domain: string
  host: string
  record: string
  verified_at?: string
}

export interface IdentityProviderSettings {
  provider: IdentityProvider | null
  redirect_url: string
  domains: Domain[]
}

/** The first half of a WebAuthn exchange. */
export interface Ceremony {
  ceremony: string
  options: Record<string, unknown>
  expires_at: string
}

export interface Passkey {
  id: string
  name: string
  synced: boolean
  created_at: string
  last_used_at?: string
}

/** Where somebody is signed in. */
export interface OpenSession {
  id: string
  browser: string
  os: string
  ip: string
  method: 'password' | 'passkey' | 'oidc' | 'saml'
  signed_in_at: string
  last_seen_at: string
  expires_at: string
  current: boolean
}

export interface TokenInfo {
  id: string
  hint: string
  created_at: string
  created_by?: string | null
  last_used_at?: string | null
  last_used_by?: string | null
  expires_at?: string | null
  /** Of a replaced token: how long it still works. */
  valid_until?: string | null
  state: string
}

export interface Directory {
  tenant_url: string
  tenant_url_strict: string
  idp: { name: string | null; sso: string }
  status: { state: string; last_request_at?: string | null; last_client?: string | null }
  token: TokenInfo | null
  tokens: TokenInfo[]
  counts: { people: number; teams: number }
  phone: { ready: boolean; name?: string | null; last_seen?: string | null }
  can: { view: boolean; regenerate: boolean }
}

export interface Person {
  id: string
  name: string
  email: string
  user_name?: string
  role: Role
  active: boolean
  source: 'local' | 'directory'
  /** Told to those who manage people. */
  has_password?: boolean
  teams: { id: string; name: string }[]
  created_at: string
  last_sign_in_at?: string | null
}

export interface Team { id: string; name: string; source: 'local' | 'directory'; members: number; created_at: string }

export interface Page<T> { items: T[]; next?: string | null }

export interface PasswordLink { link: string; expires_at: string }

export type ConfirmationState = 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled' | 'consumed'
export type Delivery = 'queued' | 'sent' | 'failed' | 'pulled' | 'opened'

export interface ConfirmationDevice { id: string; name: string; delivery: Delivery; at?: string | null; detail?: string | null }

export interface Confirmation {
  id: string
  version: number
  action: string
  resource?: string | null
  mode: 'tap' | 'code'
  /** Six digits; only over HTTP and only to the session that asked. */
  code?: string | null
  state: ConfirmationState
  reason?: string | null
  created_at: string
  expires_at: string
  collect_until?: string | null
  server_time: string
  decided_by?: { device: string; at: string | null } | null
  devices?: ConfirmationDevice[] | null
  /** Where more than one admin has to approve. */
  quorum?: Quorum | null
}

export interface Quorum { needed: number; approvals: { person: string; device: string; at: string }[] }

/** What the workspace demands of confirmations. */
export interface PolicyRules {
  mode: 'risk' | 'code' | 'tap'
  pending_seconds: number
  show_once: boolean
  two_admins: boolean
  same_network: boolean
  freeze_on_report: boolean
}

export interface Policy extends PolicyRules {
  frozen: { since: string; confirmation: string } | null
  can: { change: boolean; unfreeze: boolean }
}

export interface Revealed {
  token: string
  hint: string
  created_at: string
  expires_at?: string | null
  previous?: { hint: string; valid_until: string | null } | null
  tenant_url: string
}

export type PairingState = 'open' | 'claimed' | 'matched' | 'active' | 'refused' | 'expired'

export interface PairingStart { id: string; code: string; link: string; expires_at: string }

export interface Pairing {
  id: string
  state: PairingState
  expires_at: string
  sas?: string | null
  device?: { id: string; name: string; platform: string } | null
}

export interface Device {
  id: string
  name: string
  platform: string
  state: string
  key_protection: string
  created_at?: string | null
  last_seen?: string | null
  push?: { state: string; delivered_at?: string | null }
}

export interface Named { id: string; name: string }

/** What a person can do when their phone is lost, and what is under way. */
export interface Recovery {
  codes: { total: number; left: number; created_at?: string }
  /** This session may pair one phone until then. */
  pair_until?: string
  /** The newest question to a colleague of the last day. */
  request?: RecoveryRequest
  approvers: Named[]
}

export type RecoveryState = 'open' | 'approved' | 'refused' | 'cancelled' | 'expired'

export interface RecoveryRequest {
  id: string
  state: RecoveryState
  reason?: string
  person: Named
  email: string
  approver: Named
  /** For the session that asked and, once compared, for the colleague. */
  words?: string
  /** For the colleague, before the comparison. */
  choices?: string[]
  compared: boolean
  /** Asked by this very session. */
  own: boolean
  note?: string
  ip: string
  browser: string
  os: string
  created_at: string
  expires_at: string
  decided_at?: string
}

export interface PersonalNotice { id: string; kind: string; params: Record<string, unknown>; created_at: string; seen_at?: string }
