// By what a person is known: here, to the directory, and to the identity provider they sign in at.

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Person, SSOLinks } from '../../shared/types'
import { api, query, send } from '../api'
import type { ActivityPage } from '../activity/types'
import { useT } from '../i18n'
import { keyOf, mayConfigure, useSession } from '../session'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'
import { Card, LoadError, Rich, Skeleton, Time } from '../ui/parts'
import { renamed } from './lines'

export function Identifiers({ person, idp }: { person: Person; idp: string }) {
  const { t } = useT()
  const session = useSession()
  const admin = mayConfigure(session)
  const profile = useQuery({ queryKey: keyOf(session, 'profile', person.id), queryFn: () => api.profile(person.id) })
  const links = useQuery({ queryKey: keyOf(session, 'links', person.id), queryFn: () => api.ssoLinks(person.id), enabled: admin })
  const failed = profile.isError && !profile.data ? profile : links.isError && !links.data ? links : null
  const mark = t(person.source === 'directory' ? 'console.member.managed_by' : 'console.members.local', { idp })
  return (
    <section className="mt-10">
      <h2 className="mb-4 text-lg font-semibold">{t('console.member.identifiers')}</h2>
      <Card className="p-6 max-cards:p-5">
        {failed && <LoadError error={failed.error} retry={() => void failed.refetch()} />}
        {!failed && (!profile.data || (admin && !links.data)) && <Skeleton lines={4} />}
        {!failed && profile.data && (
          <dl className="grid gap-5 cards:grid-cols-2">
            <Known term="userName" mark={mark} more={admin && <Renamed person={person.id} />}>{profile.data.user_name}</Known>
            <Known term={t('console.email')} mark={mark}>{person.email}</Known>
            <Known term="externalId" mark={mark}>{profile.data.external_id}</Known>
            <Known term={t('console.member.scim_id')}>{profile.data.id}</Known>
          </dl>
        )}
        {links.data && <Links links={links.data} />}
      </Card>
    </section>
  )
}

/** What somebody was called before; without an answer it says nothing. */
function Renamed({ person }: { person: string }) {
  const session = useSession()
  const { data } = useQuery({
    queryKey: keyOf(session, 'activity', 'renamed', person),
    queryFn: () => send<ActivityPage>('GET', `/v1/activity?${query({ object: person, kind: 'person.changed', limit: '50' })}`),
  })
  const last = renamed(data?.items ?? [])
  return last && <dd className="mt-0.5 text-sm text-muted [overflow-wrap:anywhere]"><Rich k="console.member.renamed" parts={{ from: <bdi translate="no">{last.from}</bdi>, time: <Time at={last.at} /> }} /></dd>
}

function Known({ term, mark, more, children }: { term: string; mark?: string; more?: ReactNode; children: string }) {
  return (
    <div className="min-w-0">
      <dt className="text-sm text-muted">{term}</dt>
      <dd className="mt-0.5 font-mono text-sm [overflow-wrap:anywhere]" translate="no">{children || '—'}</dd>
      {mark && children && <dd className="mt-0.5 text-sm text-muted">{mark}</dd>}
      {more}
    </div>
  )
}

/** The provider's subject is the link; what the provider said last is compared with the property that the workspace links by. */
function Links({ links }: { links: SSOLinks }) {
  const { t } = useT()
  const property = links.link_by === 'external_id' ? 'externalId' : 'userName'
  return (
    <div className="mt-6 border-t border-line pt-5">
      <h3 className="font-medium">{t('console.member.sso')}</h3>
      {links.items.length === 0 && <p className="mt-1 text-sm text-muted">{t(links.link_by ? 'console.member.not_linked' : 'console.member.no_sso', { property })}</p>}
      <ul className="mt-3 space-y-5">
        {links.items.map((link) => (
          <li key={`${link.issuer} ${link.subject}`} className="space-y-2 text-sm">
            <p className="flex items-start gap-2 [overflow-wrap:anywhere]"><Icon name="key" className="mt-0.5 size-4 text-muted" /><span className="min-w-0"><span className="font-mono" translate="no">{link.subject}</span> <span className="text-muted">{t('console.member.at', { issuer: link.issuer })}</span></span></p>
            <Facts>
              <Rich k="console.member.linked" parts={{ time: <Time at={link.linked_at} /> }} />{' · '}<Rich k="console.member.link_used" parts={{ time: <Time short at={link.last_used_at} /> }} />
            </Facts>
            {!link.matches && <Notice tone="warn"><Rich k="console.member.mismatch" values={{ claim: link.claim || '—', property }} /></Notice>}
          </li>
        ))}
      </ul>
    </div>
  )
}

function Facts({ children }: { children: ReactNode }) {
  return <p className="text-muted">{children}</p>
}
