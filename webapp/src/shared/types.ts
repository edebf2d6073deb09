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
