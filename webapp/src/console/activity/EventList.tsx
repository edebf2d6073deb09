// A list of events and what it is chosen by: for the activity of the workspace, and for an auditor from outside.

import { useEffect, useId, useState, type ReactNode } from 'react'
import { useT, type Key } from '../i18n'
import { Button } from '../ui/button'
import { Icon } from '../ui/icons'
import { Badge, Empty, Rich, Time } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'
import { changeActivity, narrowed, type ActivitySearch } from './search'
import { deviceOf, sentenceOf, whoOf } from './sentences'
import { areas, type ActivityEvent, type ActivityPage as EventPage, type Area } from './types'

const areaWords: Record<Exclude<Area, 'other'>, Key> = {
  tokens: 'console.activity.tokens', confirmations: 'console.activity.confirmations', phones: 'console.activity.phones', signin: 'console.activity.signin',
  people: 'console.activity.people', directory: 'console.activity.directory', policy: 'console.activity.policy', integrations: 'console.activity.integrations',
  audit: 'console.activity.audit',
}

/** What a list of events is chosen by. */
export function Filters({ search, change }: { search: ActivitySearch; change: (part: Partial<ActivitySearch>) => void }) {
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

/** One page of events; `open` shows one of them. */
export function EventList({ page, search, busy, go }: ListProps) {
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
      <Cell label={t('console.activity.time')}><span className="block min-w-44"><Time at={event.at} /></span></Cell>
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
