// The calls of the activity pages.

import { query, send } from '../api'
import { filtersOf, type ActivitySearch } from './search'
import type { ActivityDetail, ActivityPage, Format } from './types'

export const activityApi = {
  list: (search: ActivitySearch, signal: AbortSignal) => send<ActivityPage>('GET', `/v1/activity?${query({ ...filtersOf(search), after: search.after, limit: '50' })}`, { signal }),
  event: (id: string) => send<ActivityDetail>('GET', `/v1/activity/events/${encodeURIComponent(id)}`),
  export: (format: Format, search: ActivitySearch) =>
    send<{ id: string; url: string; expires_at: string }>('POST', '/v1/activity/exports', { body: { format, ...(format === 'signed' ? filtersOf({ from: search.from, to: search.to }) : filtersOf(search)) } }),
  keep: (days: number) => send<{ kept_days: number }>('PATCH', '/v1/activity/settings', { body: { kept_days: days } }),
}
