// Asks every few seconds how the session stands, so that a page learns of its end, of a changed role, and warns before the end.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useSyncExternalStore } from 'react'
import { clock } from '../../shared/format'
import type { SessionState } from '../../shared/types'
import { api } from '../api'
import { useT } from '../i18n'
import { serverTime } from '../server-clock'
import { sessionQuery, useSession } from '../session'
import { sessionEnd } from '../session-end'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { Icon } from '../ui/icons'
import { useNow } from '../ui/parts'
import { endOf, spokenAt } from './session-limits'

/** How often an open page asks; what ends a session shows on the page within five seconds. */
const every = 4_000

export function SessionWatch() {
  const session = useSession()
  const queries = useQueryClient()
  const over = useSyncExternalStore(sessionEnd.subscribe, sessionEnd.happened)
  const { data, refetch } = useQuery({ queryKey: ['session-state', session.workspace.id], queryFn: () => api.sessionState(), refetchInterval: every, enabled: !over, staleTime: 0, retry: false })
  useEffect(() => {
    if (!data || over) return
    if (data.state !== 'open') sessionEnd.report()
    else if (data.role !== session.person.role) void queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
  }, [data, over, session, queries])
  if (!data || over || data.state !== 'open') return null
  return <Ending state={data} again={() => void refetch()} />
}

/** The warning before the end. While nothing but use is missing, the session can go on. */
function Ending({ state, again }: { state: SessionState; again: () => void }) {
  const { t, language } = useT()
  const announce = useAnnounce()
  const end = endOf(state, serverTime(useNow(1_000).getTime()))
  const said = useRef(0)
  const mark = end && spokenAt(end.seconds)
  const time = end ? clock(new Date(end.at), language) : ''
  useEffect(() => {
    if (!mark || said.current === mark) return
    said.current = mark
    announce(t(end?.idle ? 'console.ending.idle' : 'console.ending.life', { time }))
  }, [mark, end, time, announce, t])
  if (!end) return null
  const stay = async () => {
    await api.session({ background: false }).catch(() => undefined)
    again()
  }
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 bg-warn-soft px-10 py-2.5 text-sm text-warn max-nav:px-6 max-cards:px-4">
      <p className="flex min-w-0 flex-1 basis-64 items-center gap-2"><Icon name="clock" className="size-4" /><span className="min-w-0">{t(end.idle ? 'console.ending.idle' : 'console.ending.life', { time })}</span></p>
      {end.idle && <Button onClick={() => void stay()}>{t('console.ending.stay')}</Button>}
    </div>
  )
}
