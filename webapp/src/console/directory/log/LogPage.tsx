// The provisioning log: who failed and why, in half a minute. One page of 50 rows is in the document, however long the log is; the filters
// and the page are in the address.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { list } from '../../../shared/format'
import { useT } from '../../i18n'
import { keyOf, mayManagePeople, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button, ButtonLink } from '../../ui/button'
import { useDialogs } from '../../ui/dialogs'
import { Card, Empty, LoadError, Rich, Skeleton, Time } from '../../ui/parts'
import { directoryApi } from '../api'
import { DirectoryPage, Said } from '../frame'
import { ResultBadge, ShortTime } from '../parts'
import type { Call, CallPage } from '../types'
import { Chips, filterNames, Filters } from './Filters'
import { active, change, query, readSearch, scans, type LogSearch } from './filters'
import { KeepDialog } from './KeepDialog'
import { useKeys, useWide } from './keys'
import { standing, toAnnounce } from './live'

/** How often the newest page is asked for while it is live: where an index finds the rows, and where it is searched for. */
const liveMs = { found: 1_000, searched: 5_000 }

export function LogPage() {
  const { t } = useT()
  const search = readSearch(useSearch({ strict: false }) as Record<string, unknown>)
  const { call } = useParams({ strict: false }) as { call?: string }
  const wide = useWide()
  const beside = call !== undefined && wide
  const alone = call !== undefined && !wide
  return (
    <DirectoryPage title="console.dir.log" actions={<ButtonLink to="/settings/directory/missing">{t('console.missing.open')}</ButtonLink>}>
      <div className={beside ? 'grid grid-cols-[minmax(0,1fr)_minmax(0,27rem)] items-start gap-6' : ''}>
        {!alone && <List search={search} compact={beside} open={call} />}
        {call !== undefined && <Outlet />}
      </div>
    </DirectoryPage>
  )
}

function List({ search, compact, open }: { search: LogSearch; compact: boolean; open: string | undefined }) {
  const session = useSession()
  const navigate = useNavigate()
  const [live, setLive] = useState(true)
  const [held, setHeld] = useState<Call[] | null>(null)
  const newest = search.after === undefined && search.before === undefined
  const log = useQuery({
    queryKey: keyOf(session, 'log', JSON.stringify(search)),
    queryFn: ({ signal }) => directoryApi.log(query(search, Date.now()), live && newest, signal),
    refetchInterval: live && newest ? (scans(search) ? liveMs.searched : liveMs.found) : false,
    placeholderData: keepPreviousData,
  })
  const go = (next: LogSearch, replace = true) => {
    setHeld(null)
    void navigate({ to: open ? '/settings/directory/log/$call' : '/settings/directory/log', params: open ? { call: open } : {}, search: next, replace, resetScroll: false })
  }
  const rows = standing(log.data?.items ?? [], newest ? held : null)
  useNews(newest && live ? (log.data?.items ?? null) : null)
  const hold = (on: boolean) => setHeld(on ? (now) => now ?? rows.items : null)
  useKeys()
  return (
    <div className="min-w-0">
      <Filters search={search} change={(part) => go(change(search, part))} clear={() => go({})} live={live && newest} setLive={setLive} mayLive={newest} compact={compact} />
      <Chips search={search} change={(part) => go(change(search, part))} clear={() => go({})} />
      {rows.waiting > 0 && <NewRows count={rows.waiting} show={() => setHeld(null)} />}
      <Card className="mt-4 overflow-hidden">
        <Rows log={log} items={rows.items} search={search} compact={compact} open={open} hold={hold} clear={() => go({})} />
        <Pages page={log.data} search={search} go={(next) => go(next, false)} busy={log.isPlaceholderData} />
      </Card>
      <Kept page={log.data} />
    </div>
  )
}

/** Tells a screen reader of new rows, at most every ten seconds. */
function useNews(items: Call[] | null): void {
  const { t } = useT()
  const announce = useAnnounce()
  const told = useRef<{ to: string; at: number } | null>(null)
  useEffect(() => {
    if (!items) return
    const to = items[0]?.id ?? ''
    if (!told.current) { told.current = { to, at: 0 }; return }
    const count = toAnnounce(items, told.current.to, told.current.at, Date.now())
    if (count === 0) return
    told.current = { to, at: Date.now() }
    announce(t('console.log.new_rows', { count }))
  }, [items, announce, t])
}

function NewRows({ count, show }: { count: number; show: () => void }) {
  const { t } = useT()
  return <div className="mt-4"><Button onClick={show}>{t('console.log.new_rows', { count })}</Button></div>
}

interface RowsProps { log: { isPending: boolean; isError: boolean; error: unknown; data?: CallPage; refetch: () => unknown }; items: Call[]; search: LogSearch; compact: boolean; open?: string; hold: (on: boolean) => void; clear: () => void }

function Rows({ log, items, search, compact, open, hold, clear }: RowsProps) {
  if (log.isPending) return <Skeleton lines={10} className="p-6" />
  if (log.isError && !log.data) return <LoadError error={log.error} retry={() => void log.refetch()} />
  if (items.length === 0) return <Nothing search={search} more={log.data?.searched_to !== undefined} clear={clear} />
  return (
    <div
      onPointerEnter={(event) => event.pointerType === 'mouse' && hold(true)} onPointerLeave={(event) => event.pointerType === 'mouse' && hold(false)}
      onFocus={() => hold(true)} onBlur={(event) => { if (!event.currentTarget.contains(event.relatedTarget)) hold(false) }}
    >
      <CallTable items={items} search={search} compact={compact} open={open} />
    </div>
  )
}

/** `more`: the page ended before all calls were looked through. */
function Nothing({ search, more, clear }: { search: LogSearch; more: boolean; clear: () => void }) {
  const { t, language } = useT()
  const set = active(search).map((name) => t(filterNames[name]))
  if (set.length > 0)
    return <Empty icon="search" title={t(more ? 'console.log.no_match_yet' : 'console.log.no_match')}><p className="mb-5">{t('console.log.no_match_text', { filters: list(set, language) })}</p><Button onClick={clear}>{t('console.log.clear')}</Button></Empty>
  return (
    <Empty icon="empty" title={t('console.log.none')}>
      <p className="mb-5">{t('console.log.none_text')}</p>
      <ButtonLink to="/settings/directory/setup">{t('console.dir.set_up')}</ButtonLink>
    </Empty>
  )
}

const cell = 'px-3 py-3 align-top first:pl-6 last:pr-6 max-cards:px-0 max-cards:py-0.5 max-cards:first:pl-0 max-cards:last:pr-0'

function CallTable({ items, search, compact, open }: { items: Call[]; search: LogSearch; compact: boolean; open?: string }) {
  const { t } = useT()
  const head = 'px-3 py-3 font-medium text-muted first:pl-6 last:pr-6'
  return (
    <table role="table" className="cards w-full text-left text-sm" aria-label={t('console.dir.log')}>
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col" aria-sort="descending" className={head}>{t('console.log.time')}</th>
          <th role="columnheader" scope="col" className={head}>{t('console.log.result')}</th>
          <th role="columnheader" scope="col" className={head}>{t('console.log.what')}</th>
          {!compact && <th role="columnheader" scope="col" className={head}>{t('console.log.subject')}</th>}
          {!compact && <th role="columnheader" scope="col" className={`${head} text-right`}>{t('console.log.took')}</th>}
          {!compact && <th role="columnheader" scope="col" className={`${head} max-[87rem]:hidden`}>{t('console.log.request_id')}</th>}
        </tr>
      </thead>
      <tbody role="rowgroup" className="divide-y divide-line border-t border-line max-cards:border-t-0">
        {items.map((call) => <CallRow key={call.id} call={call} search={search} compact={compact} open={call.id === open} />)}
      </tbody>
    </table>
  )
}

function CallRow({ call, search, compact, open }: { call: Call; search: LogSearch; compact: boolean; open: boolean }) {
  const { t, language } = useT()
  return (
    <tr role="row" className={open ? 'bg-accent-soft' : 'hover:bg-hover'}>
      <td role="cell" className={cell}><ShortTime at={call.last_at} /></td>
      <td role="cell" className={`${cell} whitespace-nowrap`}><ResultBadge call={call} /></td>
      <td role="cell" className={`${cell} w-full`}>
        <Link
          id={`call-${call.id}`} data-row to="/settings/directory/log/$call" params={{ call: call.id }} search={search} resetScroll={false} aria-current={open ? 'true' : undefined}
          className="rounded-sm [overflow-wrap:anywhere] hover:underline"
        >
          <Said times={call.sentence_times}>{call.sentence}</Said>
        </Link>
        {call.times > 1 && <span className="text-muted"> · {t('console.log.times', { count: call.times })}</span>}
        {call.code && <span className="whitespace-nowrap text-muted"> · <code className="font-mono" translate="no">{call.code}</code></span>}
      </td>
      {!compact && <td role="cell" className={`${cell} max-w-44 cards:min-w-32 ${call.subject?.name ? '' : 'cell-none'}`}><bdi className="text-muted [overflow-wrap:anywhere]">{call.subject?.name ?? ''}</bdi></td>}
      {!compact && <td role="cell" className={`${cell} cell-none text-right whitespace-nowrap tabular-nums text-muted`}>{t('console.log.ms', { n: new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(call.took_ms) })}</td>}
      {!compact && <td role="cell" className={`${cell} cell-none max-w-40 truncate max-[87rem]:hidden`} title={call.request_id}><code translate="no" className="font-mono text-xs text-muted">{call.request_id}</code></td>}
    </tr>
  )
}

function Pages({ page, search, go, busy }: { page: CallPage | undefined; search: LogSearch; go: (next: LogSearch) => void; busy: boolean }) {
  const { t } = useT()
  const first = search.after === undefined && search.before === undefined
  if (!page || (first && !page.next)) return null
  const { after: _after, before: _before, ...rest } = search
  const newer = () => go(page.newer && page.items.length > 0 ? { ...rest, before: page.newer } : rest)
  return (
    <div className="flex flex-wrap items-center gap-3 border-t border-line px-6 py-4 max-cards:px-5">
      {!first && <Button onClick={() => go(rest)}>{t('console.log.newest')}</Button>}
      {!first && <Button busy={busy} onClick={newer}>{t('console.log.newer')}</Button>}
      {page.next && <Button busy={busy} onClick={() => go({ ...rest, after: page.next })}>{t('console.log.older')}</Button>}
      {page.searched_to && <p className="text-sm text-muted"><Rich k="console.log.searched_to" parts={{ time: <Time at={page.searched_to} /> }} /></p>}
    </div>
  )
}

function Kept({ page }: { page: CallPage | undefined }) {
  const { t } = useT()
  const session = useSession()
  const dialogs = useDialogs()
  if (!page) return null
  return (
    <p className="mt-3 flex flex-wrap items-center gap-x-2 text-sm text-muted">
      {t('console.log.kept', { count: page.kept_days })}
      {mayManagePeople(session) && <Button look="quiet" onClick={() => void dialogs.open<true>((close) => <KeepDialog days={page.kept_days} close={close} />)}>{t('console.log.keep_change')}</Button>}
    </p>
  )
}
