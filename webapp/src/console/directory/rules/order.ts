// Lists whose order counts, and the rules of the mapping pages. Pure.

import { met } from '../../conflict/met'
import type { MappingField, RoleRule, RoleSettings, Sources } from '../types'

/** The list with one element at another place; the list itself where that is none. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const out = [...list]
  if (from < 0 || from >= out.length || to < 0 || to >= out.length) return out
  const [one] = out.splice(from, 1)
  out.splice(to, 0, one as T)
  return out
}

/** Whether two sets of rules are the same in the same order. */
export function sameRules(a: readonly RoleRule[], b: readonly RoleRule[]): boolean {
  return a.length === b.length && a.every((rule, i) => rule.role === b[i]?.role && rule.team_id === b[i]?.team_id && rule.app_role === b[i]?.app_role)
}

/** The first rule that a team has, with its place from one. */
export function ruleOf(rules: readonly RoleRule[], team: string): { rule: RoleRule; place: number } | null {
  const i = rules.findIndex((rule) => rule.team_id === team)
  const rule = rules[i]
  return rule ? { rule, place: i + 1 } : null
}

/** One source a line, as they are typed. */
export function lines(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter(Boolean)
}

/** What to save: the fields whose sources are not the defaults. */
export function ownSources(fields: readonly MappingField[], typed: Readonly<Record<string, string>>): Sources {
  const out: Sources = {}
  for (const field of fields) {
    const sources = lines(typed[field.field] ?? '')
    if (sources.length > 0 && sources.join('\n') !== field.default.join('\n')) out[field.field] = sources
  }
  return out
}

/** Every field with what feeds it. */
export function sourcesOf(fields: readonly MappingField[]): Sources {
  return Object.fromEntries(fields.map((one) => [one.field, one.sources]))
}

/** The fields as they are typed into. */
export function typedOf(fields: readonly MappingField[]): Record<string, string> {
  return Object.fromEntries(fields.map((one) => [one.field, one.sources.join('\n')]))
}

/** Which fields are fed otherwise in another version. */
export function differing(fields: readonly MappingField[], other: readonly MappingField[]): string[] {
  return changedFields(fields, typedOf(other))
}

/** The fields that hold by now, where that is why a change of them was refused. */
export function metFields(error: unknown, fields: readonly MappingField[]): MappingField[] | null {
  const now = met(error)?.['mapping'] as Sources | undefined
  if (!now) return null
  return fields.map((one) => {
    const sources = now[one.field] ?? one.default
    return { ...one, sources, own: sources.join('\n') !== one.default.join('\n') }
  })
}

export function sameSettings(a: RoleSettings, b: RoleSettings): boolean {
  return sameRules(a.rules, b.rules) && a.offer_roles === b.offer_roles && a.keep_on_return === b.keep_on_return
}

/** The role settings that hold by now, where that is why a change of them was refused. */
export function metSettings(error: unknown): RoleSettings | null {
  const now = met(error)
  return now && Array.isArray(now['rules']) ? (now as unknown as RoleSettings) : null
}

/** A rule that two versions do not have alike: its place, from one, and its role in each. */
export interface RuleDifference { rule: RoleRule; mine: { place: number; role: RoleRule['role'] } | null; theirs: { place: number; role: RoleRule['role'] } | null }

/** The rules that are not the same in both, in the order of the first, then those that only the other has. */
export function ruleDifferences(mine: readonly RoleRule[], theirs: readonly RoleRule[]): RuleDifference[] {
  const name = (rule: RoleRule) => rule.team_id ?? `app ${rule.app_role}`
  const of = (rules: readonly RoleRule[], rule: RoleRule) => {
    const i = rules.findIndex((one) => name(one) === name(rule))
    const found = rules[i]
    return found ? { place: i + 1, role: found.role } : null
  }
  const all = [...mine, ...theirs.filter((rule) => !of(mine, rule))]
  return all.map((rule) => ({ rule, mine: of(mine, rule), theirs: of(theirs, rule) }))
    .filter((one) => one.mine?.place !== one.theirs?.place || one.mine?.role !== one.theirs?.role)
}

/** Which fields a person has changed since they were read. */
export function changedFields(fields: readonly MappingField[], typed: Readonly<Record<string, string>>): string[] {
  return fields.filter((field) => {
    const now = lines(typed[field.field] ?? '')
    return (now.length > 0 ? now : field.default).join('\n') !== field.sources.join('\n')
  }).map((field) => field.field)
}
