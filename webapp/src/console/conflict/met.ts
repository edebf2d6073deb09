// What a refused change met: the answer to edit_conflict carries what somebody else has made of it.

import { ApiError } from '../../shared/api'
import type { Limits, PolicyRules, Role } from '../../shared/types'
import { roleKey } from '../errors'

/** What holds by now; null where that was not why the change failed. */
export function met(error: unknown): Readonly<Record<string, unknown>> | null {
  if (!(error instanceof ApiError) || error.code !== 'edit_conflict') return null
  const now = error.fields['now']
  return typeof now === 'object' && now !== null ? (now as Record<string, unknown>) : null
}

/** The role that somebody has by now; null where that was not why the change failed. */
export function metRole(error: unknown): Role | null {
  const role = met(error)?.['role']
  return typeof role === 'string' && role in roleKey ? (role as Role) : null
}

/** The rules that hold by now. */
export function metRules(error: unknown): PolicyRules | null {
  const now = met(error)
  return now && 'mode' in now ? (now as unknown as PolicyRules) : null
}

/** How long sessions last by now. */
export function metLimits(error: unknown): Limits | null {
  const { idle_seconds: idle, life_seconds: life } = met(error) ?? {}
  return typeof idle === 'number' && typeof life === 'number' ? { idle_seconds: idle, life_seconds: life } : null
}
