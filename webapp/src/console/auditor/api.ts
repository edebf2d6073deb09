// The calls of an auditor's page. Each shows the link's key and takes no cookie along, so that whoever is signed in here too is not mixed in.

import { call } from '../../shared/api'
import { filtersOf } from '../activity/search'
import type { ActivityDetail, ActivityPage } from '../activity/types'
import { query } from '../api'
import type { CallDetail, CallPage } from '../directory/types'
import type { AuditorSearch } from './search'

export function auditorCalls(key: string) {
  const get = <T>(path: string, signal?: AbortSignal) => call<T>('GET', path, { headers: { Authorization: `Bearer ${key}` }, credentials: 'omit', signal })
  const id = encodeURIComponent
  return {
    activity: (search: AuditorSearch, signal: AbortSignal) => get<ActivityPage>(`/v1/activity?${query({ ...filtersOf(search), after: search.after, limit: '50' })}`, signal),
    event: (event: string) => get<ActivityDetail>(`/v1/activity/events/${id(event)}`),
    log: (search: AuditorSearch, signal: AbortSignal) => {
      const { q, from, to } = filtersOf(search)
      return get<CallPage>(`/v1/provisioning/log?${query({ q, from, to, result: search.result, after: search.after, limit: '50' })}`, signal)
    },
    logCall: (one: string) => get<CallDetail>(`/v1/provisioning/log/${id(one)}`),
  }
}

export type AuditorCalls = ReturnType<typeof auditorCalls>
