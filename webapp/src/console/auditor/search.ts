// What an auditor's page shows, as its address holds it. Pure.

import { readActivity, type ActivitySearch } from '../activity/search'

export const results = ['ok', 'unchanged', 'failed', 'rejected', 'slowed'] as const

/** In the log, `event` is the call that is open. */
export interface AuditorSearch extends ActivitySearch { view?: 'log'; result?: (typeof results)[number] }

/** Reads an address that anybody may have written: what cannot be a filter is left out. */
export function readAuditor(search: Record<string, unknown>): AuditorSearch {
  const { person: _person, object: _object, ...out }: AuditorSearch = readActivity(search)
  if (search['view'] === 'log') out.view = 'log'
  const result = results.find((one) => one === search['result'])
  if (result) out.result = result
  return out
}
