// The filters of the activity as the address holds them. Pure.

import { areas, type Area } from './types'

export interface ActivitySearch {
  q?: string
  kind?: Area
  person?: string
  object?: string
  /** Days, as a person chooses them: both are whole days of the person's own time zone. */
  from?: string
  to?: string
  after?: string
  /** The event whose details are open. */
  event?: string
}

/** Reads an address that anybody may have written: what cannot be a filter is left out. */
export function readActivity(search: Record<string, unknown>): ActivitySearch {
  const text = (name: string) => (typeof search[name] === 'string' || typeof search[name] === 'number' ? String(search[name]) : '')
  const out: ActivitySearch = {}
  const q = text('q').slice(0, 200)
  if (q) out.q = q
  const kind = areas.find((one) => one === text('kind'))
  if (kind) out.kind = kind
  for (const name of ['person', 'object', 'event'] as const) if (/^\w{1,64}$/.test(text(name))) out[name] = text(name)
  for (const name of ['from', 'to'] as const) if (dayStart(text(name))) out[name] = text(name)
  if (/^[\w-]{1,200}$/.test(text('after'))) out.after = text('after')
  return out
}

/** Sets or takes away filters; the list begins anew, and no event is open. */
export function changeActivity(search: ActivitySearch, part: Partial<ActivitySearch>): ActivitySearch {
  const { after: _after, event: _event, ...rest } = { ...search, ...part }
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value)) as ActivitySearch
}

/** Whether anything but the page is chosen. */
export function narrowed(search: ActivitySearch): boolean {
  return Object.keys(changeActivity(search, {})).length > 0
}

/** The filters as the service takes them: days become instants, the last one with all of its hours. */
export function filtersOf(search: ActivitySearch): Record<string, string> {
  const out: Record<string, string> = {}
  for (const name of ['q', 'kind', 'person', 'object'] as const) if (search[name]) out[name] = search[name]
  const from = dayStart(search.from ?? '')
  if (from) out.from = from.toISOString()
  const to = dayStart(search.to ?? '', 1)
  if (to) out.to = to.toISOString()
  return out
}

/** Midnight of a day in this browser's time zone, `later` days on; undefined for what is no day. */
function dayStart(text: string, later = 0): Date | undefined {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? []
  if (!year) return undefined
  const date = new Date(Number(year), Number(month) - 1, Number(day) + later)
  const known = new Date(Number(year), Number(month) - 1, Number(day))
  return known.getMonth() === Number(month) - 1 && Number(year) >= 2000 ? date : undefined
}

export interface SavedFilter { name: string; search: ActivitySearch }

/** Reads what a browser kept, which anybody may have written. */
export function savedFilters(kept: unknown): SavedFilter[] {
  if (!Array.isArray(kept)) return []
  return kept.filter((one): one is SavedFilter => typeof one?.name === 'string' && typeof one.search === 'object' && one.search !== null)
    .map((one) => ({ name: one.name.slice(0, 60), search: changeActivity(readActivity(one.search as Record<string, unknown>), {}) }))
}
