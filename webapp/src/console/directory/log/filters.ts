// The filters of the provisioning log as its address holds them, and as the call asks for them. Pure, so that every address can be tested.

import type { Result } from '../types'

export const results: readonly Result[] = ['ok', 'unchanged', 'failed', 'rejected', 'slowed']
export const operations = [
  'user.create', 'user.replace', 'user.patch', 'user.delete', 'user.read', 'user.list',
  'group.create', 'group.replace', 'group.patch', 'group.delete', 'group.read', 'group.list', 'bulk', 'discovery', 'other',
] as const
/** What came of a call, as sync health counts it. */
export const effects = ['created', 'updated', 'off', 'teams', 'refused'] as const
export type Effect = (typeof effects)[number]
export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export const spans = ['1h', '24h', '7d', '30d'] as const
export type Span = (typeof spans)[number]

const hour = 3600_000
const spanMs: Record<Span, number> = { '1h': hour, '24h': 24 * hour, '7d': 7 * 24 * hour, '30d': 30 * 24 * hour }

/** What the address after the question mark says. `after` and `before` are pages; everything else chooses rows. */
export interface LogSearch {
  q?: string
  person?: string
  team?: string
  result?: Result
  effect?: Effect
  open?: true
  operation?: string
  method?: string
  code?: string
  token?: string
  bulk?: string
  last?: Span
  from?: string
  to?: string
  after?: string
  before?: string
}

const texts = ['q', 'person', 'team', 'operation', 'method', 'code', 'token', 'bulk', 'from', 'to', 'after', 'before'] as const
const idForm = /^[A-Za-z0-9_]{1,64}$/
const ids = new Set(['person', 'team', 'token', 'bulk', 'after', 'before'])

/** Reads an address that anybody may have written: what cannot be a filter is left out. */
export function readSearch(search: Record<string, unknown>): LogSearch {
  const out: Record<string, string | true> = {}
  for (const name of texts) {
    const value = text(search[name])
    if (!value || (ids.has(name) && !idForm.test(value)) || ((name === 'from' || name === 'to') && Number.isNaN(Date.parse(value)))) continue
    out[name] = value.slice(0, 200)
  }
  const result = text(search['result'])
  if ((results as readonly string[]).includes(result)) out['result'] = result
  const effect = text(search['effect'])
  if ((effects as readonly string[]).includes(effect)) out['effect'] = effect
  const last = text(search['last'])
  if ((spans as readonly string[]).includes(last)) out['last'] = last
  if (text(search['open']) === 'true') out['open'] = true
  return out
}

/** The router gives numbers and booleans back as such. */
function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

const choosing = ['q', 'person', 'team', 'result', 'effect', 'open', 'operation', 'method', 'code', 'token', 'bulk', 'last', 'from', 'to'] as const
export type FilterName = (typeof choosing)[number]

/** Which filters are set, in the order in which they are shown. */
export function active(search: LogSearch): FilterName[] {
  return choosing.filter((name) => search[name] !== undefined)
}

/** Whether a page has to look through rows that no index finds: such a page is not asked for every second. */
export function scans(search: LogSearch): boolean {
  return search.q !== undefined || search.operation !== undefined || search.method !== undefined || search.code !== undefined || search.token !== undefined
    || search.result === 'ok' || search.result === 'unchanged' || (search.effect !== undefined && search.effect !== 'refused')
}

/** Sets or takes away filters. The page begins anew, because its cursor belongs to other rows. */
export function change(search: LogSearch, part: Partial<LogSearch>): LogSearch {
  const { after: _after, before: _before, ...rest } = { ...search, ...part }
  if ('last' in part && part.last) { delete rest.from; delete rest.to }
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined && value !== '')) as LogSearch
}

/** The filters as the call asks for them; "the last day" ends now. */
export function query(search: LogSearch, now: number): Record<string, string | undefined> {
  const { last, open, from, to, ...rest } = search
  return {
    ...rest,
    limit: '50',
    open: open ? 'true' : undefined,
    from: last ? new Date(now - spanMs[last]).toISOString() : from && new Date(from).toISOString(),
    to: last ? undefined : to && new Date(to).toISOString(),
  }
}

/** A moment as an input of day and time holds it, by this computer's clock; '' for none. */
export function localMinute(value: string | undefined): string {
  if (!value) return ''
  const at = new Date(value)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`
}
