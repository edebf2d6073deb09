// What an auditor from outside sees: the activity and the provisioning log, to read. The link's secret is out of the address by now.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useEffect, useMemo, useState } from 'react'
import { EventList, Filters } from '../activity/EventList'
import { Detail } from '../activity/EventDialog'
import { changeActivity } from '../activity/search'
import { api } from '../api'
import { hasCode } from '../errors'
import { linkSecret, takeAgain } from '../fragment'
import { useT, type Key } from '../i18n'
import { useTitle } from '../shell/title'
import { Button } from '../ui/button'
import { Front } from '../ui/front'
import { Mark } from '../ui/icons'
import { Modal, ModalActions } from '../ui/modal'
import { Badge, Card, LoadError, PageHead, Skeleton, Time } from '../ui/parts'
import { auditorCalls, type AuditorCalls } from './api'
import { keepLink, keptLink, readLink, type AuditorLink } from './link'
import { AuditorLog } from './AuditorLog'
import type { AuditorSearch } from './search'
import { useEnd, type ViewProps } from './view'
import { useWords } from './words'

const route = getRouteApi('/w/$slug/auditor')

/** The link of this tab: the one it was just opened with, or the one it was opened with before a reload. */
function linkOf(slug: string, given: string): AuditorLink | null {
  if (given && readLink(given)) keepLink(slug, given)
  return readLink(given) ?? readLink(keptLink(slug))
}

export function AuditorPage() {
  const say = useWords()
  const { slug } = route.useParams()
  const [link, setLink] = useState(() => linkOf(slug, linkSecret()))
  useTitle(say('auditor.page'))
  useEffect(() => {
    const again = () => setLink(linkOf(slug, takeAgain()))
    window.addEventListener('hashchange', again)
    return () => window.removeEventListener('hashchange', again)
  }, [slug])
  if (!link) return <Front title={say('auditor.again')} lead={say('auditor.again_text')}>{null}</Front>
  return <View key={link.key} slug={slug} link={link} />
}

function View({ slug, link }: { slug: string; link: AuditorLink }) {
  const say = useWords()
  const calls = useMemo(() => auditorCalls(link.key), [link.key])
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const [over, setOver] = useState(false)
  const workspace = useQuery({ queryKey: ['public-workspace', slug], queryFn: () => api.workspace(slug), staleTime: 60_000, retry: false })
  if (over) return <Front title={say('auditor.over')} lead={say('auditor.over_text')}>{null}</Front>
  const go = (next: AuditorSearch, replace = true) => void navigate({ search: next, replace, resetScroll: !replace })
  const ended = (error: unknown) => { if (hasCode(error, 'unauthorized')) setOver(true) }
  return (
    <>
      <Head name={workspace.data?.name ?? slug} slug={slug} log={search.view === 'log'} until={link.until} />
      <main className="mx-auto w-full max-w-[75rem] px-6 py-8 max-cards:px-4">
        {search.view === 'log' ? <AuditorLog slug={slug} calls={calls} search={search} go={go} ended={ended} /> : <Activity slug={slug} calls={calls} search={search} go={go} ended={ended} />}
      </main>
    </>
  )
}

const views = [{ view: undefined, word: 'console.nav.activity' }, { view: 'log', word: 'console.dir.log' }] as const satisfies { view: AuditorSearch['view']; word: Key }[]

function Head({ name, slug, log, until }: { name: string; slug: string; log: boolean; until?: string }) {
  const { t } = useT()
  const say = useWords()
  return (
    <header className="border-b border-line bg-surface">
      <div className="mx-auto w-full max-w-[75rem] px-6 pt-4 max-cards:px-4">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <p className="flex min-w-0 items-center gap-3 text-lg font-semibold"><Mark className="size-8 shrink-0" /><bdi className="min-w-0 [overflow-wrap:anywhere]">{name}</bdi></p>
          <Badge tone="accent" icon="lock">{say('auditor.read_only')}</Badge>
          {until && <p className="text-sm text-muted">{say('auditor.ends')} <Time at={until} /></p>}
        </div>
        <nav aria-label={say('auditor.kinds')} className="mt-3">
          <ul className="flex flex-wrap gap-x-2">
            {views.map(({ view, word }) => (
              <li key={word}>
                <Link
                  to="/w/$slug/auditor" params={{ slug }} search={view ? { view } : {}} activeOptions={{ exact: true, includeSearch: true }} aria-current={log === (view === 'log') ? 'page' : undefined}
                  className="-mb-px flex min-h-11 items-center border-b-2 border-transparent px-2 font-medium text-muted -outline-offset-2 hover:text-ink aria-[current=page]:border-accent aria-[current=page]:text-accent"
                >
                  {t(word)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
      </div>
    </header>
  )
}

function Activity({ slug, calls, search, go, ended }: ViewProps) {
  const { t } = useT()
  const { event: open, view: _view, result: _result, ...chosen } = search
  const events = useQuery({
    queryKey: ['auditor', slug, 'activity', JSON.stringify(chosen)], queryFn: ({ signal }) => calls.activity(chosen, signal),
    refetchInterval: search.after ? false : 20_000, placeholderData: keepPreviousData,
  })
  useEnd(events.error, ended)
  return (
    <>
      <PageHead title={t('console.nav.activity')}>
        <Button busy={events.isRefetching} onClick={() => void events.refetch()}>{t('console.activity.refresh')}</Button>
      </PageHead>
      <Filters search={chosen} change={(part) => go(changeActivity(chosen, part))} />
      <Card className="mt-5 overflow-hidden">
        {events.isPending && <Skeleton lines={8} className="p-6" />}
        {events.isError && !events.data && <LoadError error={events.error} retry={() => void events.refetch()} />}
        {events.data && <EventList page={events.data} search={chosen} busy={events.isPlaceholderData} go={go} />}
      </Card>
      {events.data && <p className="mt-4 text-sm text-muted">{t('console.activity.about')}</p>}
      {open && <Event slug={slug} calls={calls} id={open} close={() => go(chosen)} ended={ended} />}
    </>
  )
}

function Event({ slug, calls, id, close, ended }: { slug: string; calls: AuditorCalls; id: string; close: () => void; ended: (error: unknown) => void }) {
  const { t } = useT()
  const event = useQuery({ queryKey: ['auditor', slug, 'event', id], queryFn: () => calls.event(id), retry: false })
  useEnd(event.error, ended)
  return (
    <Modal title={t('console.activity.one')} side onCancel={close}>
      {event.isPending && <Skeleton lines={8} className="mt-6" />}
      {event.isError && !event.data && <LoadError error={event.error} retry={() => void event.refetch()} />}
      {event.data && <Detail event={event.data} />}
      <ModalActions><Button onClick={close}>{t('common.close')}</Button></ModalActions>
    </Modal>
  )
}
