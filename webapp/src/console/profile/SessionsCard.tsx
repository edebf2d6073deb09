// "Where you are signed in" on My Profile, and on the page of somebody else.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { OpenSession, Person } from '../../shared/types'
import { api } from '../api'
import { errorText } from '../errors'
import { useT, type Key } from '../i18n'
import { keyOf, useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { Notice } from '../ui/notice'
import { Badge, Card, LoadError, Rich, Skeleton, Time } from '../ui/parts'

const methods: Record<OpenSession['method'], Key> = {
  password: 'console.sessions.by_password',
  passkey: 'console.sessions.by_passkey',
  oidc: 'console.sessions.by_sso',
  saml: 'console.sessions.by_sso',
}

/** One's own sessions, or those `of` somebody else, for those who look after people. */
export function SessionsCard({ of }: { of?: Person }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const announce = useAnnounce()
  const key = keyOf(session, 'sessions', ...(of ? [of.id] : []))
  const open = useQuery({ queryKey: key, queryFn: () => (of ? api.sessionsOf(of.id) : api.sessions()) })
  const [failure, setFailure] = useState<string | null>(null)
  const [busy, setBusy] = useState('')
  async function end(which: string, work: () => Promise<unknown>) {
    if (busy) return
    setFailure(null)
    setBusy(which)
    try {
      await work()
      announce(t('console.sessions.ended'))
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    setBusy('')
    await queries.invalidateQueries({ queryKey: key })
  }
  const items = open.data?.items ?? []
  const endAll = () => (of ? api.endSessionsOf(of.id) : api.endOtherSessions())
  const endOne = (id: string) => (of ? api.endSessionOf(of.id, id) : api.endSession(id))
  const others = items.filter((s) => !s.current).length
  const name = (s: OpenSession) => (s.browser && s.os ? t('console.sessions.browser', { browser: s.browser, os: s.os }) : s.browser || t('console.sessions.unknown'))
  return (
    <section className="mt-10">
      <div className="mb-4 flex flex-wrap items-center justify-between gap-4">
        <h2 className="text-lg font-semibold">{t(of ? 'console.sessions.of' : 'console.sessions.title')}</h2>
        {others > 0 && <Button busy={busy === 'all'} onClick={() => void end('all', endAll)}>{t(of ? 'console.sessions.end_all' : 'console.sessions.end_others')}</Button>}
      </div>
      <Card>
        {failure && <Notice tone="bad" alert className="m-5">{failure}</Notice>}
        {open.isPending && <Skeleton lines={2} className="p-6" />}
        {open.isError && !open.data && <LoadError error={open.error} retry={() => void open.refetch()} />}
        {open.data && items.length === 0 && <p className="p-6 text-muted max-cards:p-5">{t('console.sessions.nowhere')}</p>}
        {items.length > 0 && (
          <ul className="divide-y divide-line">
            {items.map((s) => (
              <li key={s.id} className="flex flex-wrap items-center gap-x-4 gap-y-3 p-6 max-cards:p-5">
                <div className="min-w-0 flex-1 basis-48">
                  <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
                    <bdi className="font-semibold [overflow-wrap:anywhere]">{name(s)}</bdi>
                    {s.current && <Badge tone="good" icon="tick">{t('console.sessions.here')}</Badge>}
                  </p>
                  <p className="mt-1 text-sm text-muted"><bdi>{s.ip}</bdi>{' · '}{t(methods[s.method])}</p>
                  <p className="mt-0.5 text-sm text-muted">
                    <Rich k="console.sessions.since" parts={{ time: <Time at={s.signed_in_at} /> }} />{' · '}<Rich k="console.sessions.seen" parts={{ time: <Time short at={s.last_seen_at} /> }} />
                  </p>
                </div>
                {!s.current && <Button busy={busy === s.id} aria-label={t('console.sessions.end_named', { name: name(s) })} onClick={() => void end(s.id, () => endOne(s.id))}>{t('console.sessions.end')}</Button>}
              </li>
            ))}
          </ul>
        )}
      </Card>
    </section>
  )
}
