// Activity: what was done in the workspace, by whom, and whether it is sealed. One page of 50 events is in the document, however many there
// are; the filters, the page and the open event are in the address.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useId, useState, type ReactNode } from 'react'
import { activityApi } from '../activity/api'
import { EventDialog } from '../activity/EventDialog'
import { Exports } from '../activity/Exports'
import { KeepDialog } from '../activity/KeepDialog'
import { Saved } from '../activity/Saved'
import { changeActivity, narrowed, readActivity, type ActivitySearch } from '../activity/search'
import { deviceOf, sentenceOf, whoOf } from '../activity/sentences'
import { areas, type ActivityEvent, type ActivityPage as EventPage, type Area } from '../activity/types'
import { useT, type Key } from '../i18n'
import { keyOf, mayConfigure, useSession } from '../session'
import { ForbiddenPage } from '../shell/ErrorPages'
import { useTitle } from '../shell/title'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Icon } from '../ui/icons'
import { Badge, Card, Empty, LoadError, PageHead, Rich, Skeleton, Time } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'

export function ActivityPage() {
  return mayConfigure(useSession()) ? <Activity /> : <ForbiddenPage text="console.activity.forbidden" />
}

/** How soon the newest page is asked for again: at once where an event waits for its seal, else now and then. */
const againMs = { waiting: 1_500, quiet: 20_000 }

function Activity() {
  const { t } = useT()
  const session = useSession()
  const navigate = useNavigate()
  const search = readActivity(useSearch({ strict: false }) as Record<string, unknown>)
  useTitle(t('console.nav.activity'))
  const { event: open, ...chosen } = search
  const events = useQuery({
    queryKey: keyOf(session, 'activity', JSON.stringify(chosen)),
    queryFn: ({ signal }) => activityApi.list(chosen, signal),
    refetchInterval: ({ state }) => (search.after ? false : state.data?.items.some((one) => !one.sealed) ? againMs.waiting : againMs.quiet),
    placeholderData: keepPreviousData,
  })
  const go = (next: ActivitySearch, replace = true) => void navigate({ to: '/activity', search: next, replace, resetScroll: !replace })
  return (
    <>
      <PageHead title={t('console.nav.activity')}>
        <div className="flex flex-wrap gap-3">
          <Button busy={events.isRefetching} onClick={() => void events.refetch()}>{t('console.activity.refresh')}</Button>
          <Exports search={chosen} />
        </div>
      </PageHead>
      <Filters search={search} change={(part) => go(changeActivity(search, part))} />
      <div className="mt-3"><Saved search={chosen} apply={go} /></div>
      <Card className="mt-5 overflow-hidden">
        {events.isPending && <Skeleton lines={8} className="p-6" />}
        {events.isError && !events.data && <LoadError error={events.error} retry={() => void events.refetch()} />}
        {events.data && <List page={events.data} search={search} busy={events.isPlaceholderData} go={go} />}
      </Card>
      {events.data && <Kept page={events.data} />}
      {open && <EventDialog id={open} search={search} close={() => go(chosen)} go={(next) => go(changeActivity(search, next), false)} />}
    </>
  )
}

const areaWords: Record<Exclude<Area, 'other'>, Key> = {
  tokens: 'console.activity.tokens', confirmations: 'console.activity.confirmations', phones: 'console.activity.phones', signin: 'console.activity.signin',
  people: 'console.activity.people', directory: 'console.activity.directory', policy: 'console.activity.policy', integrations: 'console.activity.integrations',
  audit: 'console.activity.audit',
}

function Filters({ search, change }: { search: ActivitySearch; change: (part: Partial<ActivitySearch>) => void }) {
  const { t } = useT()
  const kind = useId()
  return (
    <div role="search" aria-label={t('console.activity.filters')} className="space-y-3">
      <div className="grid grid-cols-2 items-end gap-3 cards:grid-cols-[minmax(0,1fr)_12rem_10rem_10rem]">
        <Text value={search.q ?? ''} change={(q) => change({ q })} />
        <div className="max-cards:col-span-2">
          <label htmlFor={kind} className="mb-1.5 block text-sm font-medium">{t('console.activity.kind')}</label>
          <select id={kind} value={search.kind ?? ''} onChange={(event) => change({ kind: (event.target.value || undefined) as Area | undefined })} className={control}>
            <option value="">{t('console.activity.any')}</option>
            {areas.map((one) => <option key={one} value={one}>{t(areaWords[one])}</option>)}
          </select>
        </div>
        <Day label={t('console.activity.from')} value={search.from} change={(from) => change({ from })} />
        <Day label={t('console.activity.to')} value={search.to} change={(to) => change({ to })} />
      </div>
      {(search.person || search.object) && (
        <div className="flex flex-wrap gap-2">
          {search.person && <Chip drop={() => change({ person: undefined })}>{t('console.activity.one_person')}</Chip>}
          {search.object && <Chip drop={() => change({ object: undefined })}>{t('console.activity.one_object')}</Chip>}
        </div>
      )}
    </div>
  )
}

const control = 'min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11'

function Chip({ drop, children }: { drop: () => void; children: ReactNode }) {
  return <Button look="quiet" className="-ml-3" onClick={drop}><Icon name="close" className="size-4" />{children}</Button>
}

function Day({ label, value, change }: { label: string; value: string | undefined; change: (value: string | undefined) => void }) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{label}</label>
      <input id={id} type="date" min="2000-01-01" max="2999-12-31" value={value ?? ''} onChange={(event) => change(event.target.value || undefined)} className={control} />
    </div>
  )
}

/** What is typed counts a moment later. */
function Text({ value, change }: { value: string; change: (value: string | undefined) => void }) {
  const { t } = useT()
  const id = useId()
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed.trim() === value) return
    const timer = setTimeout(() => change(typed.trim() || undefined), 250)
    return () => clearTimeout(timer)
  })
  return (
    <div className="max-cards:col-span-2">
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.activity.search')}</label>
      <input id={id} type="search" value={typed} maxLength={200} autoComplete="off" onChange={(event) => setTyped(event.target.value)} className={control} />
    </div>
  )
}

interface ListProps { page: EventPage; search: ActivitySearch; busy: boolean; go: (next: ActivitySearch, replace?: boolean) => void }

function List({ page, search, busy, go }: ListProps) {
  const { t } = useT()
  const older = page.next && <Button busy={busy} onClick={() => go({ ...search, event: undefined, after: page.next }, false)}>{t('console.page.next')}</Button>
  return (
    <>
      {page.items.length === 0 && !page.next && <Nothing search={search} clear={() => go({})} />}
      {page.items.length > 0 && (
        <Table heads={[{ key: 'console.activity.time' }, { key: 'console.activity.event' }, { key: 'console.activity.object' }, { key: 'console.activity.user' }, { key: 'console.activity.location' }, { key: 'console.activity.app_os_device' }, { key: 'console.activity.seal' }]}>
          {page.items.map((event) => <EventRow key={event.id} event={event} open={() => go({ ...search, event: event.id }, false)} />)}
        </Table>
      )}
      {page.searched_to && <p className="border-t border-line px-6 py-4 text-sm text-muted"><Rich k="console.activity.searched_to" parts={{ time: <Time at={page.searched_to} /> }} /></p>}
      {(search.after || page.next) && (
        <div className="flex flex-wrap gap-3 border-t border-line p-4">
          {search.after && <Button onClick={() => go(changeActivity(search, {}), false)}>{t('console.page.first')}</Button>}
          {older}
        </div>
      )}
    </>
  )
}

function Nothing({ search, clear }: { search: ActivitySearch; clear: () => void }) {
  const { t } = useT()
  if (!narrowed(search)) return <Empty icon="clock" title={t('console.activity.none')}>{t('console.activity.none_text')}</Empty>
  return (
    <Empty icon="search" title={t('console.activity.none_found')}>
      {t('console.activity.none_found_text')}
      <div className="mt-5"><Button onClick={clear}>{t('console.log.clear')}</Button></div>
    </Empty>
  )
}

function EventRow({ event, open }: { event: ActivityEvent; open: () => void }) {
  const { t, language } = useT()
  const with_ = [event.app, event.os, deviceOf(event)].filter(Boolean)
  const reason = typeof event.detail.reason === 'string' && !/^[a-z]+(_[a-z]+)+$/.test(event.detail.reason) ? event.detail.reason : '' // a code of the service says nothing that the sentence does not
  return (
    <Row>
      <Cell label={t('console.activity.time')}><span className="block min-w-28"><Time at={event.at} /></span></Cell>
      <Cell className="cards:w-1/3">
        <button type="button" id={`event-${event.id}`} onClick={open} className="rounded-sm text-left font-medium underline decoration-transparent underline-offset-3 [overflow-wrap:anywhere] hover:decoration-accent max-cards:min-h-11">
          <bdi>{sentenceOf(event, language)}</bdi>
        </button>
        {reason && <span className="block text-muted [overflow-wrap:anywhere]">{t('console.activity.reason')}: <bdi>{reason}</bdi></span>}
        {event.outcome === 'refused' && <span className="mt-1 block"><Badge tone="warn" icon="stop">{t('console.activity.refused')}</Badge></span>}
      </Cell>
      <Cell label={t('console.activity.object')} className={event.object ? '' : 'cell-none'}>
        {event.object ? (event.object.name ? <bdi className="break-words">{event.object.name}</bdi> : <code className="block max-w-28 truncate font-mono text-xs max-cards:max-w-none" title={event.object.id} translate="no">{event.object.id}</code>) : <span className="text-muted">—</span>}
      </Cell>
      <Cell label={t('console.activity.user')}><bdi className="break-words">{whoOf(event, language)}</bdi></Cell>
      <Cell label={t('console.activity.location')} className={event.ip ? '' : 'cell-none'}>
        {event.ip ? <span className={`font-mono text-xs ${event.ip.length > 15 ? '[overflow-wrap:anywhere]' : 'whitespace-nowrap'}`} translate="no">{event.ip}</span> : <span className="text-muted">—</span>}
      </Cell>
      <Cell label={t('console.activity.app_os_device')} className={with_.length > 0 ? '' : 'cell-none'}>
        {with_.length > 0 ? with_.map((one) => <bdi key={one} className="block break-words text-muted">{one}</bdi>) : <span className="text-muted">—</span>}
      </Cell>
      <Cell label={t('console.activity.seal')}><Seal sealed={event.sealed} /></Cell>
    </Row>
  )
}

function Seal({ sealed }: { sealed: boolean }) {
  const { t } = useT()
  return <Badge tone={sealed ? 'good' : 'plain'} icon={sealed ? 'lock' : 'clock'}>{t(sealed ? 'console.activity.sealed' : 'console.activity.not_sealed')}</Badge>
}

/** What sealing is, and how long events are kept. */
function Kept({ page }: { page: EventPage }) {
  const { t, language } = useT()
  const dialogs = useDialogs()
  return (
    <p className="mt-4 flex flex-wrap items-baseline gap-x-3 gap-y-1 text-sm text-muted">
      <span>{t('console.activity.about')}</span>
      <span>{t('console.activity.kept', { n: new Intl.NumberFormat(language).format(page.kept_days) })}</span>
      {page.can.keep && <button type="button" className="min-h-6 rounded-sm font-medium text-accent underline decoration-accent/40 underline-offset-3 hover:decoration-accent" onClick={() => void dialogs.open((close) => <KeepDialog days={page.kept_days} close={close} />)}>{t('console.activity.keep_change')}</button>}
    </p>
  )
}
