// The filters above the log, and those that are set as chips that take them away.

import { useQuery } from '@tanstack/react-query'
import { useEffect, useId, useState, type ReactNode } from 'react'
import { useT, type Key } from '../../i18n'
import { keyOf, useSession } from '../../session'
import { Button } from '../../ui/button'
import { Icon } from '../../ui/icons'
import { Modal, ModalActions } from '../../ui/modal'
import { directoryApi } from '../api'
import { PersonPicker, TeamPicker } from '../PersonPicker'
import { active, effects, localMinute, methods, operations, results, spans, type Effect, type FilterName, type LogSearch, type Span } from './filters'
import { turnKeys, useKeysOn, useNarrow } from './keys'
import { Saved } from './Saved'

const resultWords: Record<string, Key> = { ok: 'console.log.ok', unchanged: 'console.log.unchanged', failed: 'console.log.failed', rejected: 'console.log.rejected', slowed: 'console.log.slowed' }
const effectWords: Record<Effect, Key> = { created: 'console.health.created', updated: 'console.health.updated', off: 'console.health.off', teams: 'console.health.team_changes', refused: 'console.health.failed' }
const spanWords: Record<Span, Key> = { '1h': 'console.log.last_hour', '24h': 'console.log.last_day', '7d': 'console.log.last_week', '30d': 'console.log.last_month' }
const operationWords: Record<string, Key> = {
  'user.create': 'console.log.user_create', 'user.replace': 'console.log.user_replace', 'user.patch': 'console.log.user_patch', 'user.delete': 'console.log.user_delete',
  'user.read': 'console.log.user_read', 'user.list': 'console.log.user_list', 'group.create': 'console.log.group_create', 'group.replace': 'console.log.group_replace',
  'group.patch': 'console.log.group_patch', 'group.delete': 'console.log.group_delete', 'group.read': 'console.log.group_read', 'group.list': 'console.log.group_list',
  bulk: 'console.log.op_bulk', discovery: 'console.log.op_discovery', other: 'console.log.op_else',
}

type Change = (part: Partial<LogSearch>) => void

interface FiltersProps { search: LogSearch; change: Change; clear: () => void; live: boolean; setLive: (on: boolean) => void; mayLive: boolean; compact: boolean }

export function Filters(props: FiltersProps) {
  const { t } = useT()
  const narrow = useNarrow()
  const [more, setMore] = useState(false) // kept while a phone is turned
  return (
    <div role="search" aria-label={t('console.log.filters')} className="space-y-4">
      {narrow ? <Narrow {...props} /> : <Wide {...props} more={more} setMore={setMore} />}
    </div>
  )
}

function Wide({ search, change, live, setLive, mayLive, compact, more, setMore }: FiltersProps & { more: boolean; setMore: (open: boolean) => void }) {
  const { t } = useT()
  return (
    <>
      <div className={`grid grid-cols-2 items-end gap-3 ${compact ? '' : 'cards:grid-cols-[minmax(0,1fr)_11rem_11rem]'}`}>
        <div className={`col-span-2 ${compact ? '' : 'cards:col-span-1'}`}><Text value={search.q ?? ''} change={(q) => change({ q: q || undefined })} /></div>
        <Usual search={search} change={change} />
      </div>
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-2">
        <details data-log-keys open={more} onToggle={(event) => setMore(event.currentTarget.open)} className="group min-w-0 flex-1 basis-72">
          <summary className="w-fit rounded-sm py-1 text-sm font-medium text-accent">{t('console.log.more_filters')}</summary>
          <div className="mt-3 grid gap-3 cards:grid-cols-2"><Rare search={search} change={change} /></div>
        </details>
        <Live live={live} setLive={setLive} mayLive={mayLive} />
      </div>
    </>
  )
}

/** On a phone the search stays on the page; everything else is in a sheet. */
function Narrow({ search, change, clear, live, setLive, mayLive }: FiltersProps) {
  const { t } = useT()
  const [open, setOpen] = useState(false)
  const set = active(search).filter((name) => name !== 'q').length
  return (
    <>
      <Text value={search.q ?? ''} change={(q) => change({ q: q || undefined })} />
      <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-3">
        <Button onClick={() => setOpen(true)}>{set > 0 ? t('console.log.filters_set', { n: set }) : t('console.log.filters_button')}</Button>
        <Live live={live} setLive={setLive} mayLive={mayLive} />
      </div>
      {open && (
        <Modal title={t('console.log.filters_button')} onCancel={() => setOpen(false)}>
          <div className="mt-5 grid gap-4">
            <Usual search={search} change={change} />
            <Rare search={search} change={change} />
          </div>
          <ModalActions>
            <Button look="primary" onClick={() => setOpen(false)}>{t('common.done')}</Button>
            {set > 0 && <Button onClick={clear}>{t('console.log.clear')}</Button>}
          </ModalActions>
        </Modal>
      )}
    </>
  )
}

function Live({ live, setLive, mayLive }: Pick<FiltersProps, 'live' | 'setLive' | 'mayLive'>) {
  const { t } = useT()
  return (
    <label className="flex min-h-8 items-center gap-2.5 text-sm font-medium">
      <input type="checkbox" role="switch" className="switch" checked={live} disabled={!mayLive} onChange={(event) => setLive(event.target.checked)} />
      {t('console.log.live')}
      {!mayLive && <span className="font-normal text-muted">{t('console.log.live_first')}</span>}
    </label>
  )
}

/** What is asked most: how it went, and when. */
function Usual({ search, change }: { search: LogSearch; change: Change }) {
  const { t } = useT()
  return (
    <>
      <Pick label={t('console.log.result')} value={search.result ?? ''} change={(result) => change({ result: (result || undefined) as LogSearch['result'] })} any={t('console.log.any')}>
        {results.map((one) => <option key={one} value={one}>{t(resultWords[one] as Key)}</option>)}
      </Pick>
      <Pick label={t('console.log.span')} value={search.last ?? ''} change={(last) => change({ last: (last || undefined) as Span | undefined, from: undefined, to: undefined })} any={search.from || search.to ? t('console.log.span_own') : t('console.log.span_any')}>
        {spans.map((one) => <option key={one} value={one}>{t(spanWords[one])}</option>)}
      </Pick>
    </>
  )
}

function Rare({ search, change }: { search: LogSearch; change: Change }) {
  const { t } = useT()
  const session = useSession()
  const directory = useQuery({ queryKey: keyOf(session, 'directory-tokens'), queryFn: () => import('../../api').then(({ api }) => api.directory()), staleTime: 60_000 })
  const keys = useKeysOn()
  return (
    <>
      <PersonPicker label={t('console.log.person')} chosen={(person) => change({ person })} />
      <TeamPicker label={t('console.members.team')} chosen={(team) => change({ team })} />
      <Pick label={t('console.log.what')} value={search.effect ?? ''} change={(effect) => change({ effect: (effect || undefined) as Effect | undefined })} any={t('console.log.any')}>
        {effects.map((one) => <option key={one} value={one}>{t(effectWords[one])}</option>)}
      </Pick>
      <Pick label={t('console.log.operation')} value={search.operation ?? ''} change={(operation) => change({ operation: operation || undefined })} any={t('console.log.any')}>
        {operations.map((one) => <option key={one} value={one}>{t(operationWords[one] as Key)}</option>)}
      </Pick>
      <Pick label={t('console.log.method')} value={search.method ?? ''} change={(method) => change({ method: method || undefined })} any={t('console.log.any')}>
        {methods.map((one) => <option key={one} value={one}>{one}</option>)}
      </Pick>
      <Pick label={t('console.tokens.token')} value={search.token ?? ''} change={(token) => change({ token: token || undefined })} any={t('console.log.any')}>
        {directory.data?.tokens.map((one) => <option key={one.id} value={one.id}>…{one.hint}</option>)}
      </Pick>
      <div className="grid grid-cols-2 gap-3 max-cards:grid-cols-1">
        <Moment label={t('console.log.from')} value={search.from} change={(from) => change({ from, last: undefined })} />
        <Moment label={t('console.log.to')} value={search.to} change={(to) => change({ to, last: undefined })} />
      </div>
      <label className="flex min-h-10 items-center gap-3 self-end text-sm">
        <input type="checkbox" checked={search.open === true} onChange={(event) => change({ open: event.target.checked || undefined })} className="size-4" />{t('console.log.open_only')}
      </label>
      <label className="flex min-h-10 items-center gap-3 self-end text-sm max-cards:hidden">
        <input type="checkbox" data-log-keys-switch checked={keys} onChange={(event) => turnKeys(event.target.checked)} className="size-4" />{t('console.log.keys')}
      </label>
      <div className="cards:col-span-2"><Saved search={search} apply={change} /></div>
    </>
  )
}

/** A day and a minute by this computer's clock; it counts when the field is left, because a time is typed in parts. */
function Moment({ label, value, change }: { label: string; value: string | undefined; change: (value: string | undefined) => void }) {
  const id = useId()
  const shown = localMinute(value)
  const [typed, setTyped] = useState(shown)
  useEffect(() => setTyped(shown), [shown])
  const done = () => { if (typed !== shown) change(typed === '' ? undefined : new Date(typed).toISOString()) }
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{label}</label>
      <input
        id={id} type="datetime-local" value={typed} onChange={(event) => setTyped(event.target.value)} onBlur={done} onKeyDown={(event) => { if (event.key === 'Enter') done() }}
        className="min-h-10 w-full min-w-0 rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11"
      />
    </div>
  )
}

/** Free text; it counts a moment after the last key. */
function Text({ value, change }: { value: string; change: (value: string) => void }) {
  const { t } = useT()
  const id = useId()
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed.trim() === value) return
    const timer = setTimeout(() => change(typed.trim()), 250)
    return () => clearTimeout(timer)
  })
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.log.search')}</label>
      <div className="relative">
        <Icon name="search" className="pointer-events-none absolute top-1/2 left-3 size-4.5 -translate-y-1/2 text-muted" />
        <input
          id={id} type="search" data-log-search value={typed} maxLength={200} autoComplete="off" placeholder={t('console.log.search_hint')} onChange={(event) => setTyped(event.target.value)}
          className="min-h-10 w-full rounded-lg border border-edge bg-surface py-1.5 pr-3 pl-10 placeholder:text-muted max-cards:min-h-11"
        />
      </div>
    </div>
  )
}

function Pick({ label, value, change, any, children }: { label: string; value: string; change: (value: string) => void; any: string; children: ReactNode }) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{label}</label>
      <select id={id} value={value} onChange={(event) => change(event.target.value)} className="min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11">
        <option value="">{any}</option>
        {children}
      </select>
    </div>
  )
}

export const filterNames: Record<FilterName, Key> = {
  q: 'console.log.search', person: 'console.log.person', team: 'console.members.team', result: 'console.log.result', effect: 'console.log.what', open: 'console.log.open_only', operation: 'console.log.operation',
  method: 'console.log.method', code: 'console.log.code', token: 'console.tokens.token', bulk: 'console.log.op_bulk', last: 'console.log.span', from: 'console.log.from', to: 'console.log.to',
}

/** The filters that are set. */
export function Chips({ search, change, clear }: { search: LogSearch; change: Change; clear: () => void }) {
  const { t } = useT()
  const set = active(search)
  if (set.length === 0) return null
  return (
    <div className="mt-4 flex flex-wrap items-center gap-2">
      <ul aria-label={t('console.log.set_filters')} className="contents">
        {set.map((name) => (
          <li key={name}>
            <button
              type="button" onClick={() => change({ [name]: undefined })}
              className="inline-flex min-h-8 max-w-full items-center gap-1.5 rounded-full border border-edge px-3 py-0.5 text-sm hover:bg-hover"
            >
              <span className="text-muted">{t(filterNames[name])}</span>
              <span className="truncate"><Value name={name} search={search} /></span>
              <span className="sr-only">{t('console.log.remove_filter')}</span>
              <Icon name="close" className="size-3.5" />
            </button>
          </li>
        ))}
      </ul>
      <Button look="quiet" onClick={clear}>{t('console.log.clear')}</Button>
    </div>
  )
}

function Value({ name, search }: { name: FilterName; search: LogSearch }) {
  const { t, language } = useT()
  const value = String(search[name])
  if (name === 'person') return <Name kind="person" id={value} />
  if (name === 'team') return <Name kind="team" id={value} />
  if (name === 'open') return null
  if (name === 'result') return t(resultWords[value] as Key)
  if (name === 'effect') return t(effectWords[value as Effect])
  if (name === 'operation') return operationWords[value] ? t(operationWords[value]) : value
  if (name === 'last') return t(spanWords[value as Span])
  if (name === 'from' || name === 'to') return new Intl.DateTimeFormat(language === 'de' ? 'de-DE' : 'en-GB', { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(value))
  return value
}

function Name({ kind, id }: { kind: 'person' | 'team'; id: string }) {
  const session = useSession()
  const found = useQuery({ queryKey: keyOf(session, kind, id), queryFn: async () => (kind === 'person' ? await directoryApi.person(id) : await directoryApi.team(id)).name, retry: false, staleTime: 60_000 })
  return <bdi>{found.data ?? id}</bdi>
}
