// The calls of the pages about directory sync; loaded with them.

import type { Page, Person, Role } from '../../shared/types'
import { query, send } from '../api'
import type {
  CallConflict, CallDetail, CallPage, Deleted, Guard, Mapping, MappingPreview, Member, MissingAnswer, NewSchema, Offboarding, Ownership, OwnSchema, RawCall, Removal, RemovalDetail, Replayed,
  RoleMapping, RolePreview, RoleRule, RoleSettings, Sources, SyncHealth, SyncSetup, TeamInfo, TurnedOff, TurnOffPlan,
} from './types'

const id = encodeURIComponent

/** What a list of people is chosen by. */
export interface PeopleChoice { q?: string; role?: Role; status?: 'active' | 'inactive'; source?: 'local' | 'directory'; team?: string; problem?: 'failed_call'; after?: string }

export const directoryApi = {
  log: (values: Record<string, string | undefined>, background: boolean, signal?: AbortSignal) =>
    send<CallPage>('GET', `/v1/provisioning/log?${query(values)}`, { background: background || undefined, signal }),
  call: (call: string) => send<CallDetail>('GET', `/v1/provisioning/log/${id(call)}`),
  raw: (call: string) => send<RawCall>('POST', `/v1/provisioning/log/${id(call)}/raw`, { body: {} }),
  replay: (call: string, dry: boolean) => send<Replayed>('POST', `/v1/provisioning/log/${id(call)}/replay`, { body: { dry_run: dry } }),
  conflict: (call: string) => send<CallConflict>('GET', `/v1/provisioning/log/${id(call)}/conflict`),
  settle: (call: string, person: string, dry: boolean) => send<Replayed>('POST', `/v1/provisioning/log/${id(call)}/conflict`, { body: { person_id: person, dry_run: dry } }),
  missing: (person: string) => send<MissingAnswer>('GET', `/v1/provisioning/missing?${query({ person })}`),
  health: () => send<SyncHealth>('GET', '/v1/provisioning/health'),
  setup: (token?: string) => send<SyncSetup>('GET', `/v1/provisioning/setup?${query({ token })}`),
  keeping: () => send<{ retention_days: number; raw_days: number }>('GET', '/v1/provisioning/settings'),
  keep: (days: number) => send<{ retention_days: number; raw_days: number }>('PATCH', '/v1/provisioning/settings', { body: { retention_days: days } }),

  mapping: () => send<Mapping>('GET', '/v1/directory/mapping'),
  saveMapping: (mapping: Sources, was: Sources, confirmation?: string) => send<Mapping>('PUT', '/v1/directory/mapping', { body: { mapping, was, ...(confirmation && { confirmation_id: confirmation }) } }),
  previewMapping: (mapping: Sources, call?: string) => send<MappingPreview>('POST', '/v1/directory/mapping/preview', { body: { mapping, ...(call && { call_id: call }) } }),
  roles: () => send<RoleMapping>('GET', '/v1/directory/role-mapping'),
  saveRoles: (settings: RoleSettings, was: RoleSettings) => send<RoleMapping>('PUT', '/v1/directory/role-mapping', { body: { ...settings, was } }),
  previewRoles: (rules: RoleRule[]) => send<RolePreview>('POST', '/v1/directory/role-mapping/preview', { body: { rules } }),
  schemas: () => send<{ items: OwnSchema[] }>('GET', '/v1/directory/schemas'),
  defineSchema: (schema: NewSchema) => send<OwnSchema>('POST', '/v1/directory/schemas', { body: schema }),
  dropSchema: (schema: string) => send<{ cleared: number }>('DELETE', `/v1/directory/schemas/${id(schema)}`),
  turnOffPlan: () => send<TurnOffPlan>('GET', '/v1/directory/turn-off'),
  turnOff: (people: 'keep' | 'remove', confirmation: string) => send<TurnedOff>('POST', '/v1/directory/turn-off', { body: { people, confirmation_id: confirmation } }),
  guard: () => send<Guard>('GET', '/v1/directory/guard'),
  saveGuard: (guard: Guard) => send<Guard>('PUT', '/v1/directory/guard', { body: guard }),

  removals: (held: boolean, after?: string) => send<Page<Removal>>('GET', `/v1/removals?${query({ state: held ? 'held' : undefined, after })}`),
  removal: (removal: string, person?: string, team?: string) => send<RemovalDetail>('GET', `/v1/removals/${id(removal)}?${query({ limit: '100', after_person: person, after_team: team })}`),
  decide: (removal: string, what: 'allow' | 'keep', confirmation: string) => send<RemovalDetail>('POST', `/v1/removals/${id(removal)}/${what}`, { body: { confirmation_id: confirmation } }),
  deleted: (what: 'people' | 'teams', after?: string) => send<Page<Deleted>>('GET', `/v1/deleted/${what}?${query({ after })}`),
  restore: (what: 'people' | 'teams', one: string) => send<unknown>('POST', `/v1/${what}/${id(one)}/restore`, { body: {} }),
  offboardings: (person?: string, after?: string) => send<Page<Offboarding>>('GET', `/v1/offboardings?${query({ person, after })}`),
  offboarding: (one: string) => send<Offboarding>('GET', `/v1/offboardings/${id(one)}`),
  ownership: () => send<Ownership>('GET', '/v1/ownership'),
  takeOver: (candidate: string, confirmation?: string, recovery?: string) =>
    send<Ownership>('POST', '/v1/ownership/take-over', { body: { candidate_id: candidate, ...(confirmation && { confirmation_id: confirmation }), ...(recovery && { recovery_code: recovery }) } }),

  person: (one: string) => send<Person>('GET', `/v1/people/${id(one)}`),
  people: (choice: PeopleChoice, signal?: AbortSignal) => send<Page<Member> & { partial?: boolean }>('GET', `/v1/people?${query({ limit: '50', ...choice })}`, { signal }),
  teams: (q?: string, after?: string) => send<Page<TeamInfo>>('GET', `/v1/teams?${query({ limit: '50', q, after })}`),
  team: (one: string) => send<TeamInfo>('GET', `/v1/teams/${id(one)}`),
  nameTeam: (one: string, alias: string) => send<TeamInfo>('PATCH', `/v1/teams/${id(one)}`, { body: { alias } }),
}
