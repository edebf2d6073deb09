// The filters of "All Members" as the address holds them, and who of its people can be chosen. Pure.

import { roles, type Person, type Role } from '../../shared/types'

export interface MembersSearch { q?: string; role?: Role; status?: 'active' | 'inactive'; source?: 'local' | 'directory'; team?: string; problem?: 'failed_call'; after?: string }

/** Reads an address that anybody may have written: what cannot be a filter is left out. */
export function readMembers(search: Record<string, unknown>): MembersSearch {
  const text = (name: string) => (typeof search[name] === 'string' || typeof search[name] === 'number' ? String(search[name]) : '')
  const out: MembersSearch = {}
  const q = text('q').slice(0, 200)
  if (q) out.q = q
  const role = roles.find((one) => one === text('role'))
  if (role) out.role = role
  const status = (['active', 'inactive'] as const).find((one) => one === text('status'))
  if (status) out.status = status
  const source = (['local', 'directory'] as const).find((one) => one === text('source'))
  if (source) out.source = source
  if (text('problem') === 'failed_call') out.problem = 'failed_call'
  if (/^\w{1,64}$/.test(text('team'))) out.team = text('team')
  if (/^[\w-]{1,200}$/.test(text('after'))) out.after = text('after')
  return out
}

/** Sets or takes away filters; the list begins anew. */
export function changeMembers(search: MembersSearch, part: Partial<MembersSearch>): MembersSearch {
  const { after: _after, ...rest } = { ...search, ...part }
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value)) as MembersSearch
}

/** Whether anything but the page is chosen. */
export function filtered(search: MembersSearch): boolean {
  return Object.keys(changeMembers(search, {})).length > 0
}

/** Whether somebody can be chosen: the directory's people are changed there, the Owner and oneself nowhere here. */
export function choosable(person: Pick<Person, 'id' | 'source' | 'role'>, me: string): boolean {
  return person.source === 'local' && person.role !== 'owner' && person.id !== me
}
