// "Why is this person not here?": type an address, get the answer that the directory and the log can give (F67).

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { ApiError } from '../../shared/api'
import { useT, type Key } from '../i18n'
import { keyOf, useSession } from '../session'
import { Button, ButtonLink } from '../ui/button'
import { Field } from '../ui/field'
import type { IconName } from '../ui/icons'
import { Badge, Card, LoadError, Rich, Skeleton, Time, type BadgeTone } from '../ui/parts'
import { directoryApi } from './api'
import { DirectoryPage, Said } from './frame'
import { CallList, ReasonBox, Sentences } from './parts'
import type { MissingAnswer, Verdict } from './types'

const verdicts: Record<Verdict, { tone: BadgeTone; icon: IconName; word: Key }> = {
  here: { tone: 'good', icon: 'tick', word: 'console.missing.here' },
  inactive: { tone: 'plain', icon: 'off', word: 'console.missing.inactive' },
  deleted: { tone: 'warn', icon: 'clock', word: 'console.missing.deleted' },
  local: { tone: 'plain', icon: 'info', word: 'console.missing.local' },
  refused: { tone: 'bad', icon: 'stop', word: 'console.missing.refused' },
  asked: { tone: 'warn', icon: 'search', word: 'console.missing.asked' },
  never_sent: { tone: 'warn', icon: 'warn', word: 'console.missing.never_sent' },
  never_called: { tone: 'plain', icon: 'clock', word: 'console.missing.never_called' },
}

export function MissingPage() {
  const { t } = useT()
  const session = useSession()
  const navigate = useNavigate()
  const raw = (useSearch({ strict: false }) as { person?: unknown }).person
  const person = typeof raw === 'string' || typeof raw === 'number' ? String(raw).slice(0, 200).trim() : ''
  const [typed, setTyped] = useState(person)
  const [empty, setEmpty] = useState(false)
  useEffect(() => setTyped(person), [person])
  const answer = useQuery({ queryKey: keyOf(session, 'missing', person), queryFn: () => directoryApi.missing(person), enabled: person !== '', placeholderData: keepPreviousData, retry: (n, error) => n < 2 && !(error instanceof ApiError) })
  function ask(event: FormEvent) {
    event.preventDefault()
    const next = typed.trim()
    setEmpty(next === '')
    if (next === '') return
    if (next === person) void answer.refetch()
    else void navigate({ to: '/settings/directory/missing', search: { person: next }, replace: true })
  }
  return (
    <DirectoryPage title="console.missing.title" lead={t('console.missing.lead')}>
      <form onSubmit={ask} noValidate className="flex max-w-xl flex-wrap items-end gap-3">
        <div className="min-w-0 flex-1 basis-64"><Field label={t('console.missing.field')} value={typed} maxLength={200} autoComplete="off" error={empty ? t('console.required') : null} onChange={(event) => { setTyped(event.target.value); setEmpty(false) }} /></div>
        <Button type="submit" look="primary" busy={answer.isFetching && person !== ''}>{t('console.missing.ask')}</Button>
      </form>
      <div className="mt-6">
        {person !== '' && answer.isPending && <Card className="p-6"><Skeleton lines={5} /></Card>}
        {answer.isError && <Card><LoadError error={answer.error} retry={() => void answer.refetch()} /></Card>}
        {answer.data && !answer.isError && <Answer key={person} answer={answer.data} person={person} />}
      </div>
    </DirectoryPage>
  )
}

function Answer({ answer, person }: { answer: MissingAnswer; person: string }) {
  const { t } = useT()
  const look = verdicts[answer.verdict]
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => title.current?.focus({ preventScroll: true }), [answer])
  const found = answer.people[0]
  return (
    <Card className="space-y-6 p-6 max-cards:p-5">
      <div>
        <h2 ref={title} tabIndex={-1} className="mb-3 flex flex-wrap items-center gap-3 text-lg font-semibold [overflow-wrap:anywhere]"><bdi>{found?.name ?? person}</bdi><Badge tone={look.tone} icon={look.icon}>{t(look.word)}</Badge></h2>
        <Sentences sentences={answer.sentences} />
      </div>
      {answer.reason && <ReasonBox reason={answer.reason} />}
      {answer.checks.length > 0 && (
        <section>
          <h3 className="mb-2 font-semibold">{t('console.missing.checks')}</h3>
          <ul className="list-disc space-y-1 ps-5">{answer.checks.map((check) => <li key={check}><Said>{check}</Said></li>)}</ul>
        </section>
      )}
      {answer.calls.length > 0 && (
        <section>
          <h3 className="mb-2 font-semibold">{t('console.missing.calls')}</h3>
          <CallList calls={answer.calls} label={t('console.missing.calls')} />
        </section>
      )}
      <div className="flex flex-wrap items-center gap-3">
        {found && <ButtonLink to="/settings/directory/log" search={{ person: found.id }}>{t('console.log.all_of_person')}</ButtonLink>}
        {answer.verdict === 'deleted' && <ButtonLink to="/settings/directory/deleted">{t('console.dir.deleted')}</ButtonLink>}
        {answer.verdict === 'never_called' && <ButtonLink to="/settings/directory/setup">{t('console.dir.set_up')}</ButtonLink>}
        {answer.log_since && <p className="text-sm text-muted"><Rich k="console.missing.since" parts={{ time: <Time at={answer.log_since} /> }} /></p>}
      </div>
    </Card>
  )
}
