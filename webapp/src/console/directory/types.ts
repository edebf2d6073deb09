// What the calls about the directory's synchronisation carry, as openapi.yaml names it.

import type { Person, Role } from '../../shared/types'

export type Result = 'ok' | 'unchanged' | 'failed' | 'rejected' | 'slowed'

export interface Call {
  id: string
  at: string
  last_at: string
  times: number
  result: Result
  operation: string
  event?: string
  status: number
  code?: string
  sentence: string
  /** The times that it names. */
  sentence_times?: string[]
  subject?: { kind: 'person' | 'team'; id?: string; name?: string }
  used_token?: { id: string; hint?: string }
  client?: string
  client_basis?: string
  replayed_by?: string
  replay_of?: string
  bulk_id?: string
  method: string
  target: string
  request_id?: string
  took_ms: number
  resolved_at?: string
  resolved_by?: string
}

export interface CallPage { items: Call[]; next?: string; newer?: string; searched_to?: string; kept_days: number }

export interface Reason { code: string; title: string; cause: string; remedy: string }

export interface FieldChange { attribute: string; before?: unknown; after?: unknown }

export interface MemberChanges { added: number; removed: number; unknown: number }

export interface CallDetail extends Call {
  reason?: Reason
  said?: string
  changes: FieldChange[]
  members?: MemberChanges
  request?: unknown
  response?: unknown
  ip?: string
  user_agent?: string
  raw_until?: string
  can: { reveal: boolean; rehearse: boolean; replay: boolean }
  related: Call[]
  operations: Call[]
}

export interface RawCall { method: string; target: string; if_match?: string; body: string }

export interface Replayed {
  dry_run: boolean
  status: number
  reason?: Reason
  said?: string
  event?: string
  subject?: Call['subject']
  changes: FieldChange[]
  members?: MemberChanges
  call?: string
}

/** Who has the userName that a refused call asked for, and how the two can be one; without a way they cannot. */
export interface CallConflict {
  holder: { id: string; name: string; user_name: string; email: string; source: 'local' | 'directory'; active: boolean; role: Role }
  way?: 'merge' | 'revive' | 'fold'
}

export interface SyncSentence { code: string; text: string; inferred: boolean; times?: string[] }

export interface CallCounts {
  calls: number; looked: number; created: number; updated: number; deactivated: number; deleted: number
  teams: number; unchanged: number; failed: number; rejected: number; slowed: number
}

export interface Cycle { start: string; end: string; initial: boolean; running: boolean; cut: boolean; inferred: boolean; client?: string; counts: CallCounts }

export interface Minute { minute: string; counts: CallCounts }

export type HealthState = 'never_called' | 'initial' | 'healthy' | 'slowed_down' | 'attention' | 'silent' | 'stopped'

export interface SyncHealth {
  state: HealthState
  sentences: SyncSentence[]
  client?: string
  first_call_at?: string
  last_call_at?: string
  next_expected_at?: string
  every_seconds?: number
  open: number
  cycles: Cycle[]
  minutes: Minute[]
  forecast?: { level: 'none' | 'watch' | 'likely'; sentences: SyncSentence[]; off_by?: string }
  server_time: string
}

export type Verdict = 'here' | 'inactive' | 'deleted' | 'local' | 'refused' | 'asked' | 'never_sent' | 'never_called'

export interface MissingAnswer {
  verdict: Verdict
  sentences: SyncSentence[]
  people: { id: string; name: string; user_name: string; source: 'local' | 'directory'; active: boolean; deleted_at?: string }[]
  calls: Call[]
  reason?: Reason
  checks: string[]
  log_since?: string
}

export type Proof = 'called' | 'tested' | 'person' | 'team' | 'member' | 'deactivated'

export interface SyncSetup { used_token?: { id: string; hint?: string }; steps: { step: Proof; call?: Call }[]; problem?: Call }

export interface MappingField { field: string; sources: string[]; default: string[]; own: boolean }
export interface Mapping { fields: MappingField[]; changed?: number }
export type Sources = Record<string, string[]>
export interface MappedField { field: string; value: string; source: string }
export interface MappingChange { person_id: string; person_name: string; user_name: string; field: string; from: string; to: string }
export interface MappingPreview { people: number; changed: number; changes: MappingChange[]; sample?: MappedField[] }

export type GivenRole = Exclude<Role, 'owner'>
export interface RoleRule { team_id?: string; app_role?: string; role: GivenRole }
export interface RoleSettings { rules: RoleRule[]; offer_roles: boolean; keep_on_return: boolean }
export interface RoleMapping extends RoleSettings { changed?: number }
export interface RoleChange { person_id: string; person_name: string; user_name: string; from: Role; to: Role; team_id?: string; app_role?: string }
export interface RolePreview { changed: number; changes: RoleChange[] }

export interface Guard { enabled: boolean; count: number; percent: number }

export interface Removal {
  id: string
  kind: 'people' | 'members' | 'roles'
  state: 'held' | 'allowed' | 'kept'
  opened_at: string
  opened_by: string
  reason: string
  items: number
  decided_at?: string
  decided_by?: string
}

export interface Removed { person_id?: string; person_name?: string; user_name?: string; team_id?: string; team_name?: string; role?: string; at: string; outcome?: string }
export interface RemovalDetail extends Removal { removed: Removed[]; more: boolean }

export interface Deleted { id: string; name: string; user_name?: string; role?: Role; deleted_at: string; until: string }

export interface Offboarding {
  id: string
  person_id: string
  person_name: string
  user_name: string
  cause: 'deactivated' | 'deleted'
  actor_kind: string
  actor_name: string
  requested_at: string
  ended_at: string
  seconds: number
  ended: { what: string; count: number; at: string }[]
}

export interface Ownership {
  frozen: boolean
  frozen_at?: string
  owner?: { id: string; name: string }
  candidate?: { id: string; name: string }
  proposed_by?: { id: string; name: string }
  proposed_at?: string
  super_admins: number
}

export interface SchemaAttribute {
  name: string
  type: 'string' | 'boolean' | 'decimal' | 'integer' | 'dateTime' | 'binary' | 'reference' | 'complex'
  multi_valued?: boolean
  case_exact?: boolean
  description?: string
  canonical_values?: string[]
  sub_attributes?: SchemaAttribute[]
}

/** A schema as it is defined. */
export interface NewSchema { resource_type: 'User' | 'Group'; urn: string; name: string; description?: string; attributes: SchemaAttribute[] }
export interface OwnSchema extends NewSchema { id: string; created_at: string; created_by: string }

/** What turning directory sync off would do. */
export interface TurnOffPlan {
  on: boolean
  people: number
  people_active: number
  teams: number
  tokens: number
  remove: { people: number; teams: number }
  stays: { id: string; name: string; role: Role; reason: 'owner' | 'you' }[]
}
export interface TurnedOff { people: 'keep' | 'remove'; kept: number; removed: number; teams: number; tokens: number }

/** A team as its own page shows it. */
export interface TeamInfo {
  id: string; name: string; source: 'local' | 'directory'; members: number; external_id?: string; created_at: string; changed_at: string
  /** What it is called here, where that is not the directory's name. */
  alias?: string
  /** How many members the directory took away within a week, where that was more than half of it. */
  lost?: number
  /** Members whom the directory has named by an id that nobody has yet. */
  waiting?: number
}

export interface Member extends Person { last_synced_at?: string }
