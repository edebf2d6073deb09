// The provisioning log for an auditor: what was called, how it went, and one call with what was sent, masked.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useId, useState, type ReactNode } from 'react'
import { Said } from '../directory/frame'
import { Body, Changes, ReasonBox, ResultBadge } from '../directory/parts'
import type { Call, CallDetail, CallPage } from '../directory/types'
import { useT, type Key } from '../i18n'
import { Button } from '../ui/button'
import { Modal, ModalActions } from '../ui/modal'
import { Card, Empty, LoadError, PageHead, Skeleton, Time } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'
import { results, type AuditorSearch } from './search'
import { useEnd, type ViewProps } from './view'
import { useWords } from './words'

export function AuditorLog({ slug, calls, search, go, ended }: ViewProps) {
  const { t } = useT()
  const say = useWords()
  const { event: open, ...chosen } = search
  const log = useQuery({ queryKey: ['auditor', slug, 'log', JSON.stringify(chosen)], queryFn: ({ signal }) => calls.log(chosen, signal), placeholderData: keepPreviousData })
  useEnd(log.error, ended)
  const change = (part: Partial<AuditorSearch>) => {
    const { after: _after, ...rest } = { ...chosen, ...part }
    go(Object.fromEntries(Object.entries(rest).filter(([, value]) => value)) as AuditorSearch)
  }
  return (
    <>
      <PageHead title={t('console.dir.log')}>
        <Button busy={log.isRefetching} onClick={() => void log.refetch()}>{t('console.activity.refresh')}</Button>
      </PageHead>
      <p className="-mt-3 mb-6 max-w-3xl text-muted">{say('auditor.log_text')}</p>
      <Filters search={chosen} change={change} />
      <Card className="mt-5 overflow-hidden">
        {log.isPending && <Skeleton lines={8} className="p-6" />}
        {log.isError && !log.data && <LoadError error={log.error} retry={() => void log.refetch()} />}
        {log.data && <List page={log.data} search={chosen} busy={log.isPlaceholderData} go={go} />}
      </Card>
      {open && <One slug={slug} calls={calls} id={open} close={() => go(chosen)} ended={ended} />}
    </>
  )
}

const control = 'min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11'
const resultWords: Record<(typeof results)[number], Key> = {
  ok: 'console.log.ok', unchanged: 'console.log.unchanged', failed: 'console.log.failed', rejected: 'console.log.rejected', slowed: 'console.log.slowed',
}

function Filters({ search, change }: { search: AuditorSearch; change: (part: Partial<AuditorSearch>) => void }) {
  const { t } = useT()
  const say = useWords()
  const [typed, setTyped] = useState(search.q ?? '')
  useEffect(() => setTyped(search.q ?? ''), [search.q])
  useEffect(() => { // what is typed counts a moment later
    if (typed.trim() === (search.q ?? '')) return
    const timer = setTimeout(() => change({ q: typed.trim() || undefined }), 250)
    return () => clearTimeout(timer)
  })
  return (
    <div role="search" aria-label={say('auditor.filters')} className="grid grid-cols-2 items-end gap-3 cards:grid-cols-[minmax(0,1fr)_12rem_10rem_10rem]">
      <Labelled label={t('console.activity.search')} wide>{(id) => <input id={id} type="search" value={typed} maxLength={200} autoComplete="off" onChange={(event) => setTyped(event.target.value)} className={control} />}</Labelled>
      <Labelled label={t('console.log.result')} wide>
        {(id) => (
          <select id={id} value={search.result ?? ''} onChange={(event) => change({ result: (event.target.value || undefined) as AuditorSearch['result'] })} className={control}>
            <option value="">{t('console.activity.any')}</option>
            {results.map((one) => <option key={one} value={one}>{t(resultWords[one])}</option>)}
          </select>
        )}
      </Labelled>
      {(['from', 'to'] as const).map((name) => (
        <Labelled key={name} label={t(name === 'from' ? 'console.activity.from' : 'console.activity.to')}>
          {(id) => <input id={id} type="date" min="2000-01-01" max="2999-12-31" value={search[name] ?? ''} onChange={(event) => change({ [name]: event.target.value || undefined })} className={control} />}
        </Labelled>
      ))}
    </div>
  )
}

function Labelled({ label, wide = false, children }: { label: string; wide?: boolean; children: (id: string) => ReactNode }) {
  const id = useId()
  return (
    <div className={wide ? 'max-cards:col-span-2' : ''}>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{label}</label>
      {children(id)}
    </div>
  )
}

function List({ page, search, busy, go }: { page: CallPage; search: AuditorSearch; busy: boolean; go: ViewProps['go'] }) {
  const { t } = useT()
  const filtered = Object.keys(search).some((name) => name !== 'view' && name !== 'after')
  if (page.items.length === 0 && !page.next)
    return (
      <Empty icon="search" title={t(filtered ? 'console.log.no_match' : 'console.log.none')}>
        {filtered && <div className="mt-5"><Button onClick={() => go({ view: 'log' })}>{t('console.log.clear')}</Button></div>}
      </Empty>
    )
  return (
    <>
      <Table heads={[{ key: 'console.log.time' }, { key: 'console.log.result' }, { key: 'console.log.what' }, { key: 'console.log.subject' }]}>
        {page.items.map((call) => <CallRow key={call.id} call={call} open={() => go({ ...search, event: call.id }, false)} />)}
      </Table>
      {(search.after || page.next) && (
        <div className="flex flex-wrap gap-3 border-t border-line p-4">
          {search.after && <Button onClick={() => go({ ...search, after: undefined }, false)}>{t('console.page.first')}</Button>}
          {page.next && <Button busy={busy} onClick={() => go({ ...search, after: page.next }, false)}>{t('console.page.next')}</Button>}
        </div>
      )}
    </>
  )
}

function CallRow({ call, open }: { call: Call; open: () => void }) {
  const { t } = useT()
  return (
    <Row>
      <Cell label={t('console.log.time')}><span className="block min-w-28"><Time at={call.last_at} /></span></Cell>
      <Cell label={t('console.log.result')}><ResultBadge call={call} /></Cell>
      <Cell className="cards:w-1/2">
        <button type="button" onClick={open} className="rounded-sm text-left font-medium underline decoration-transparent underline-offset-3 [overflow-wrap:anywhere] hover:decoration-accent max-cards:min-h-11"><Said times={call.sentence_times}>{call.sentence}</Said></button>
        {(call.times > 1 || call.code) && <span className="block text-muted">{call.times > 1 && t('console.log.times', { count: call.times })} {call.code && <code className="font-mono" translate="no">{call.code}</code>}</span>}
      </Cell>
      <Cell label={t('console.log.subject')} className={call.subject?.name ? '' : 'cell-none'}><bdi className="[overflow-wrap:anywhere]">{call.subject?.name ?? '—'}</bdi></Cell>
    </Row>
  )
}

function One({ slug, calls, id, close, ended }: { slug: string; calls: ViewProps['calls']; id: string; close: () => void; ended: (error: unknown) => void }) {
  const { t } = useT()
  const call = useQuery({ queryKey: ['auditor', slug, 'call', id], queryFn: () => calls.logCall(id), retry: false })
  useEnd(call.error, ended)
  return (
    <Modal title={t('console.log.call')} side onCancel={close}>
      {call.isPending && <Skeleton lines={8} className="mt-6" />}
      {call.isError && !call.data && <LoadError error={call.error} retry={() => void call.refetch()} />}
      {call.data && <Facts call={call.data} />}
      <ModalActions><Button onClick={close}>{t('common.close')}</Button></ModalActions>
    </Modal>
  )
}

function Facts({ call }: { call: CallDetail }) {
  const { t } = useT()
  const exchange = ([['console.log.request', call.request], ['console.log.response', call.response]] as const).filter(([, value]) => value !== undefined && value !== null)
  return (
    <div className="mt-4 space-y-6">
      <div>
        <p className="mb-2"><ResultBadge call={call} /></p>
        <p className="text-lg [overflow-wrap:anywhere]"><Said times={call.sentence_times}>{call.sentence}</Said></p>
        <p className="mt-1 text-sm text-muted"><Time at={call.last_at} /> · <code className="font-mono [overflow-wrap:anywhere]" translate="no">{call.method} {call.target}</code> · {call.status}</p>
      </div>
      {call.reason && <ReasonBox reason={call.reason} said={call.said} />}
      {(call.changes.length > 0 || call.members) && <section><h3 className="mb-2 font-semibold">{t('console.log.changes')}</h3><Changes changes={call.changes} members={call.members} /></section>}
      {exchange.map(([key, value]) => (
        <section key={key}>
          <h3 className="mb-2 font-semibold">{t(key)} <span className="font-normal text-muted">{t('console.log.masked')}</span></h3>
          <Body value={value} label={t(key)} />
        </section>
      ))}
    </div>
  )
}
