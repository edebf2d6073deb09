// Lists whose order counts, and the rules of the mapping pages. Pure.

import type { MappingField, RoleRule, Sources } from '../types'

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

/** Which fields a person has changed since they were read. */
export function changedFields(fields: readonly MappingField[], typed: Readonly<Record<string, string>>): string[] {
  return fields.filter((field) => {
    const now = lines(typed[field.field] ?? '')
    return (now.length > 0 ? now : field.default).join('\n') !== field.sources.join('\n')
  }).map((field) => field.field)
}
