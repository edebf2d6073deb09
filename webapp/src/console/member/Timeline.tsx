// What happened to a person and what they did, the newest first: the activity, and calls of the directory about them that failed.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Person } from '../../shared/types'
import { activityApi } from '../activity/api'
import { sentenceOf } from '../activity/sentences'
import { directoryApi } from '../directory/api'
import { useT } from '../i18n'
import { keyOf, useSession } from '../session'
import { ButtonLink, textLink } from '../ui/button'
import { Icon } from '../ui/icons'
import { Card, LoadError, Skeleton, Time } from '../ui/parts'
import { timeline } from './lines'

export function Timeline({ person }: { person: Person }) {
  const { t, language } = useT()
  const session = useSession()
  const events = useQuery({ queryKey: keyOf(session, 'activity', 'of', person.id), queryFn: ({ signal }) => activityApi.list({ person: person.id }, signal) })
  const calls = useQuery({ queryKey: keyOf(session, 'calls-failed', person.id), queryFn: ({ signal }) => directoryApi.log({ person: person.id, result: 'failed', limit: '20' }, false, signal) })
  const failed = events.isError && !events.data ? events : calls.isError && !calls.data ? calls : null
  const items = events.data && calls.data ? timeline(events.data.items, calls.data.items) : null
  return (
    <section className="mt-10">
      <h2 className="mb-4 text-lg font-semibold">{t('console.member.timeline')}</h2>
      <Card>
        {failed && <LoadError error={failed.error} retry={() => void failed.refetch()} />}
        {!failed && !items && <Skeleton lines={5} className="p-6" />}
        {items?.length === 0 && <p className="p-6 text-muted max-cards:p-5">{t('console.member.timeline_none')}</p>}
        {items && items.length > 0 && (
          <ol className="divide-y divide-line text-sm">
            {items.map((one) => (
              <li key={one.id} className="flex items-start gap-3 px-6 py-3 max-cards:px-5">
                <Icon name={one.call || one.event?.outcome === 'refused' ? 'warn' : 'clock'} className={`mt-0.5 size-4 ${one.call || one.event?.outcome === 'refused' ? 'text-warn' : 'text-muted'}`} />
                <div className="flex min-w-0 flex-1 flex-wrap justify-between gap-x-4 gap-y-1">
                <span className="min-w-0 [overflow-wrap:anywhere]">
                  {one.event
                    ? <Link to="/activity" search={{ person: person.id, event: one.event.id }} className={`${textLink} font-normal`}><bdi>{sentenceOf(one.event, language)}</bdi></Link>
                    : one.call && <Link to="/settings/directory/log/$call" params={{ call: one.call.id }} search={{}} className={`${textLink} font-normal`}>{one.call.times > 1 ? t('console.member.timeline_failed_times', { n: one.call.times, code: one.call.code ?? '' }) : t('console.member.timeline_failed', { code: one.call.code ?? '' })}</Link>}
                </span>
                <span className="text-muted"><Time at={one.at} /></span>
                </div>
              </li>
            ))}
          </ol>
        )}
      </Card>
      <div className="mt-4 flex flex-wrap gap-3">
        <ButtonLink to="/activity" search={{ person: person.id }}>{t('console.member.timeline_activity')}</ButtonLink>
        <ButtonLink to="/settings/directory/log" search={{ person: person.id }}>{t('console.member.timeline_calls')}</ButtonLink>
      </div>
    </section>
  )
}
