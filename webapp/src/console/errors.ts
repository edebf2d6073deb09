// What to say about a failed call: the words of this catalogue for a code that is
// known here, else the service's own sentence.

import { ApiError, NetworkError } from '../shared/api'
import { list, moment } from '../shared/format'
import { isTransient } from '../shared/retry'
import type { Role } from '../shared/types'
import { hasKey, type Key, type T } from './i18n'

export const roleKey: Readonly<Record<Role, Key>> = {
  owner: 'console.role.owner',
  super_admin: 'console.role.super_admin',
  admin: 'console.role.admin',
  user: 'console.role.user',
  guest: 'console.role.guest',
}

/** Owner, Super Admin or Admin */
export function roleList(t: T, language: string, roles: readonly Role[]): string {
  return list(roles.map((role) => (role in roleKey ? t(roleKey[role]) : role)), language, 'disjunction')
}

export function errorText(t: T, language: string, error: unknown): string {
  if (error instanceof NetworkError) return t('console.error.network')
  if (!(error instanceof ApiError)) return t('console.error.unknown')
  if (error.code === 'forbidden' && !Array.isArray(error.fields['allowed_roles'])) return error.detail || t('console.error.unknown')
  const key = `console.error.${error.code}`
  if (error.code && hasKey(key)) return t(key, values(t, language, error))
  if (error.detail && error.status < 500) return error.detail
  return t(isTransient(error) || error.status >= 500 ? 'console.error.service' : 'console.error.unknown')
}

function values(t: T, language: string, error: ApiError): Record<string, string | number> {
  const now = new Date()
  const tries = error.fields['tries_left']
  const roles = error.fields['allowed_roles']
  return {
    count: typeof tries === 'number' ? tries : 0,
    time: moment(new Date(now.getTime() + (error.retryAfter ?? 60) * 1000), now, language),
    roles: Array.isArray(roles) ? roleList(t, language, roles as Role[]) : '',
  }
}

/** Why a sign-in at the identity provider ended without success, by the code in the address. */
export function ssoErrorText(t: T, code: string): string {
  const key = `console.error.${code}`
  return hasKey(key) ? t(key) : t('console.error.sso_refused')
}

/** Whether a failed call has this stable code. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof ApiError && codes.includes(error.code)
}

const coded = [400, 403, 404, 409, 412, 413, 503]

const explained: Readonly<Record<number, string>> = { 401: 'DS-1001', 429: 'DS-1002', 500: 'DS-1005' }

/** The code of a failure by its status, as the provisioning log has it. */
export function failureCode({ status }: ApiError): string {
  return explained[status] ?? `DS-${1000 + (coded.includes(status) ? status : 0)}`
}
