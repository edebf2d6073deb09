// What the console's HTTP calls carry, as wire.md names it. Times are RFC 3339 in UTC.

export type Role = 'owner' | 'super_admin' | 'admin' | 'user' | 'guest'

export const roles: readonly Role[] = ['owner', 'super_admin', 'admin', 'user', 'guest']

/** Roles that may open Workspace Configuration. */
export const configRoles: readonly Role[] = ['owner', 'super_admin', 'admin']

export interface PersonRef { id: string; name: string; email: string; role: Role }
export interface WorkspaceRef { id: string; slug: string; name: string }

export interface Setup {
  needed: boolean
  brand: string
  /** While the first workspace is waited for: whether this service can sign for push services. */
  push?: { ok: boolean; code?: 'vapid_subject' | 'vapid_key' }
}

export interface SetupRequest {
  code: string
  workspace: { slug: string; name: string }
  owner: { name: string; email: string; password?: string; passkey?: { ceremony: string; name: string; response: unknown } }
}

export interface Session {
  person: PersonRef
  workspace: WorkspaceRef
  workspaces: (WorkspaceRef & { person: PersonRef })[]
  brand: string
  companion_url: string
  fresh_until?: string
  server_time: string
  /** Name of the identity provider that can sign the person out too. */
  sign_out_at?: string
}

/** How this browser's session stands. */
export interface SessionState {
  state: 'open' | 'ended' | 'deactivated'
  role?: Role
  /** However much it is used. */
  ends_at?: string
  /** If it is not used until then. */
  idle_ends_at?: string
  server_time: string
}

export interface Limits { idle_seconds: number; life_seconds: number }

/** How long the sessions of a workspace last. */
export interface SessionLimits extends Limits { shortest: Limits; longest: Limits; can: { change: boolean } }

/** What an admin says about the identity provider. */
export interface ProviderSettings {
  kind: 'oidc' | 'saml'
  preset: 'entra' | 'okta' | 'other'
  name: string
  issuer: string
  client_id: string
  client_secret: string
  /** A SAML provider's, as a file has it, or where it is. */
  metadata?: string
  metadata_url?: string
  claim: string
  link_by: 'user_name' | 'external_id'
  jit: boolean
}

/** A key of a SAML provider, or of this service towards it. */
export interface Certificate { fingerprint: string; expires_at: string; signs: boolean; pem?: string }

/** This service as the workspace's SAML provider sees it. */
export interface ServiceProvider { entity_id: string; acs_url: string; certificates: Certificate[] }

export interface IdentityProvider extends Omit<ProviderSettings, 'client_secret' | 'metadata' | 'metadata_url'> {
  has_secret: boolean
  saml?: { sso_url: string; metadata_url: string; read_at?: string; fault: string; certificates: Certificate[] }
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
  signed_out_url: string
  saml: ServiceProvider
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
  reason?: string
  note?: string
  /** Id of the token that it took the place of. */
  replaces?: string
  revoked_at?: string
  ended_by?: string
  exposed?: boolean
  address_mode?: 'off' | 'observe' | 'enforce'
}

/** A regeneration whose old token lives on. */
export interface Overlap {
  old_id: string
  old_hint: string
  new_id: string
  new_hint: string
  valid_until: string
  cancellable: boolean
  advice: 'unused' | 'in_use' | 'safe'
  client?: string
  old_last_at?: string
  new_calls: number
  unused_seconds: number
  cycle_seconds: number
  server_time: string
}

/** Calls that come with a token that opens nothing. */
export interface Refused {
  token_id: string
  hint: string
  state: string
  client?: string
  times: number
  since: string
  last_at: string
  ended_at?: string
  ended_by?: string
  address: boolean
}

export interface TokenView {
  kind: 'viewed' | 'regenerated' | 'printed'
  person: string
  device?: string
  browser?: string
  os?: string
  ip?: string
  at: string
  copied: number
  copied_at?: string
  closed_at?: string
}

export interface TokenDetails {
  about: TokenInfo
  views: TokenView[]
  views_total: number
  use: { client?: string; last_at?: string; good: number; days: { day: string; calls: number; rejected: number }[] }
  seen: { ip: string; client?: string; user_agent?: string; first_at: string; last_at: string; refused_at?: string; listed: boolean }[]
  addresses: { mode: 'off' | 'observe' | 'enforce'; addresses: string[] }
  can: { change: boolean; revoke: boolean }
  server_time: string
}

export interface Directory {
  tenant_url: string
  tenant_url_strict: string
  idp: { name: string | null; sso: string }
  status: { state: string; last_request_at?: string | null; last_client?: string | null; next_expected_at?: string | null }
  token: TokenInfo | null
  tokens: TokenInfo[]
  counts: { people: number; teams: number }
  phone: { ready: boolean; name?: string | null; last_seen?: string | null; push?: boolean; delivered_at?: string | null }
  can: { view: boolean; regenerate: boolean; ask?: boolean }
  overlap?: Overlap
  refused?: Refused
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

/** By what a person is known to the directory. */
export interface Profile { id: string; user_name: string; external_id: string; source: Person['source'] }

/** What a person is at identity providers. */
export interface SSOLinks {
  /** Absent where the workspace has no provider. */
  link_by?: 'user_name' | 'external_id'
  items: { issuer: string; subject: string; claim: string; matches: boolean; linked_at: string; last_used_at: string }[]
}

/** How a person lost their access. */
export interface Offboarding {
  id: string
  person_id: string
  person_name: string
  cause: 'deactivated' | 'deleted'
  actor_kind: string
  actor_name: string
  requested_at: string
  ended_at: string
  ended: { what: string; count: number; at: string }[]
}

export interface Team { id: string; name: string; source: 'local' | 'directory'; members: number; created_at: string }

export interface Page<T> { items: T[]; next?: string | null }

export interface PasswordLink { link?: string; expires_at?: string; mailed_to?: string }

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
  /** A passkey may answer instead of the phone; told when the question is made. */
  passkey?: boolean | null
  decided_by?: { device: string; at: string | null; how?: 'phone' | 'passkey' } | null
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
  passkeys: boolean
  /** Of new tokens; 0 is no limit. */
  max_token_days: number
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
  push?: { state: string; delivered_at?: string | null; detail?: string }
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
