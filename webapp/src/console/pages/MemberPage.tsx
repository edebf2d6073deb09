// One person: who they are here and at the identity provider, where they are signed in, and what can be done.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Person } from '../../shared/types'
import { api } from '../api'
import { hasCode, roleKey } from '../errors'
import { useT, type Key } from '../i18n'
import { useIdpName, usePersonActions } from '../member/actions'
import { Identifiers } from '../member/Identifiers'
import { Phones } from '../member/Phones'
import { PersonStatus } from '../member/Status'
import { Timeline } from '../member/Timeline'
import { SessionsCard } from '../profile/SessionsCard'
import { keyOf, mayConfigure, mayManagePeople, useSession } from '../session'
import { NotFoundPage } from '../shell/ErrorPages'
import { useTitle } from '../shell/title'
import { Button, textLink } from '../ui/button'
import { Notice } from '../ui/notice'
import { Badge, Card, LoadError, PageHead, Rich, Skeleton, Time } from '../ui/parts'

const route = getRouteApi('/shell/members/$id')

export function MemberPage() {
  const { t } = useT()
  const { id } = route.useParams()
  const session = useSession()
  const person = useQuery({ queryKey: keyOf(session, 'person', id), queryFn: () => api.person(id) })
  useTitle(person.data?.name ?? t('console.nav.members'))
  if (person.data) return <Loaded person={person.data} />
  if (person.isError && hasCode(person.error, 'not_found')) return <NotFoundPage />
  return (
    <>
      <PageHead title={t('console.member.title')} />
      <Card>{person.isError ? <LoadError error={person.error} retry={() => void person.refetch()} /> : <Skeleton lines={5} className="p-6" />}</Card>
    </>
  )
}

function Loaded({ person }: { person: Person }) {
  const { t } = useT()
  const session = useSession()
  const idp = useIdpName()
  const manage = mayManagePeople(session)
  return (
    <>
      <p className="mb-3 text-sm"><Link to="/members" className={textLink}>{t('console.nav.members')}</Link></p>
      <PageHead title={person.name} />
      {!person.active && mayConfigure(session) && <Receipt person={person} idp={idp} />}
      <Card className="p-6 max-cards:p-5">
        <dl className="grid gap-5 cards:grid-cols-3">
          <Fact term={t('console.members.status')}><PersonStatus person={person} /></Fact>
          <Fact term={t('console.members.role')}>{t(roleKey[person.role])}</Fact>
          <Fact term={t('console.members.source')}><Badge tone={person.source === 'directory' ? 'accent' : 'plain'}>{person.source === 'directory' ? t('console.member.managed_by', { idp }) : t('console.members.local')}</Badge></Fact>
          <Fact term={t('console.members.team')}>{person.teams.length > 0 ? <span className="flex flex-wrap gap-x-3">{person.teams.map((team) => <Link key={team.id} to="/teams/$team" params={{ team: team.id }} className={textLink}><bdi>{team.name}</bdi></Link>)}</span> : '—'}</Fact>
          <Fact term={t('console.member.added')}><Time at={person.created_at} /></Fact>
          {mayConfigure(session) && <Fact term={t('console.member.last_password')}>{person.last_sign_in_at ? <Time at={person.last_sign_in_at} /> : '—'}</Fact>}
        </dl>
        {manage && <Actions person={person} idp={idp} />}
      </Card>
      <Identifiers person={person} idp={idp} />
      {manage && <SessionsCard of={person} />}
      {manage && <Phones person={person} />}
      {mayConfigure(session) && <Timeline person={person} />}
    </>
  )
}

function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-sm text-muted">{term}</dt>
      <dd className="mt-0.5 font-medium [overflow-wrap:anywhere]">{children}</dd>
    </div>
  )
}

function Actions({ person, idp }: { person: Person; idp: string }) {
  const { t } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const actions = usePersonActions(person, idp, () => queries.invalidateQueries({ queryKey: keyOf(session) }))
  const possible = actions.filter((action) => !action.reason)
  // Actions that are not possible for the same reason are named together.
  const reasons = new Map<string, string[]>()
  for (const { name, reason } of actions) if (reason) reasons.set(reason, [...(reasons.get(reason) ?? []), name.replace(/…$/, '')])
  return (
    <div className="mt-6 space-y-3 border-t border-line pt-5" role="group" aria-label={t('console.members.actions_for', { name: person.name })}>
      <div className="flex flex-wrap gap-3">
        {possible.map(({ name, run, danger }) => <Button key={name} look={danger ? 'danger' : 'secondary'} onClick={run}>{name}</Button>)}
      </div>
      {[...reasons].map(([reason, names]) => <p key={reason} className="text-sm text-muted">{names.join(', ')}: {reason}</p>)}
    </div>
  )
}

const ended: Record<string, Key> = {
  sessions: 'console.member.ended_sessions',
  phones: 'console.member.ended_phones',
  confirmations: 'console.member.ended_confirmations',
  api_keys: 'console.member.ended_api_keys',
}

/** Of somebody deactivated: who did it, when, and what ended with it. */
function Receipt({ person, idp }: { person: Person; idp: string }) {
  const { t } = useT()
  const session = useSession()
  const { data } = useQuery({ queryKey: keyOf(session, 'offboardings', person.id), queryFn: () => api.offboardingsOf(person.id) })
  const last = data?.items[0]
  if (!last) return null
  return (
    <Notice tone="info" className="mb-6">
      <p className="font-medium"><Rich k="console.member.deactivated_by" values={{ who: last.actor_name || idp }} parts={{ time: <Time at={last.ended_at} /> }} /></p>
      <ul className="mt-1 flex flex-wrap gap-x-4 text-sm">
        {last.ended.map((e) => (ended[e.what] ? <li key={e.what}>{t(ended[e.what] as Key, { count: e.count })}</li> : null))}
      </ul>
      <p className="mt-2 text-sm"><Link to="/settings/directory/offboarding/$receipt" params={{ receipt: last.id }} className={textLink}>{t('console.member.receipt')}</Link></p>
    </Notice>
  )
}
