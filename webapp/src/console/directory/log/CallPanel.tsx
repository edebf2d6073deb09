// One call: why it was refused and what to do, what it changed, what was sent and answered, and what can be done about it here.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { ApiError } from '../../../shared/api'
import { errorText } from '../../errors'
import { useT, type Key } from '../../i18n'
import { keyOf, useSession } from '../../session'
import { Button, ButtonLink, textLink } from '../../ui/button'
import { Copied, useCopy } from '../../ui/copy'
import { useDialogs } from '../../ui/dialogs'
import { Icon } from '../../ui/icons'
import { Notice } from '../../ui/notice'
import { Badge, Card, Empty, LoadError, Rich, Skeleton, Time } from '../../ui/parts'
import { directoryApi } from '../api'
import { Said } from '../frame'
import { Body, CallList, Changes, ReasonBox, ResultBadge } from '../parts'
import type { CallDetail, RawCall } from '../types'
import { asCurl } from './diff'
import { readSearch } from './filters'
import { useWide } from './keys'
import { ReplayDialog } from './Replay'
import { ResolveDialog } from './Resolve'

export function CallPanel() {
  const { t } = useT()
  const session = useSession()
  const navigate = useNavigate()
  const wide = useWide()
  const { call: id } = useParams({ strict: false }) as { call: string }
  const search = readSearch(useSearch({ strict: false }) as Record<string, unknown>)
  const call = useQuery({ queryKey: keyOf(session, 'call', id), queryFn: () => directoryApi.call(id), retry: (n, error) => n < 2 && !(error instanceof ApiError) })
  const title = useRef<HTMLHeadingElement>(null)
  const ready = call.data !== undefined
  useEffect(() => { if (ready && !document.querySelector('dialog[open]')) title.current?.focus({ preventScroll: wide }) }, [id, ready, wide])
  const close = () => {
    void navigate({ to: '/settings/directory/log', search, resetScroll: false }).then(() => document.getElementById(`call-${id}`)?.focus())
  }
  const gone = call.error instanceof ApiError && call.error.status === 404
  return (
    <Card className={`min-w-0 ${wide ? 'sticky top-6 max-h-[calc(100dvh-3rem)] overflow-y-auto' : ''}`}>
      <section aria-label={t('console.log.call')} onKeyDown={(event) => { if (wide && event.key === 'Escape' && !event.defaultPrevented) close() }}>
        <div className="flex items-center justify-between gap-3 border-b border-line px-5 py-2.5">
          {wide ? <p className="text-sm font-medium text-muted">{t('console.log.call')}</p> : null}
          <Button look="quiet" className={wide ? '' : '-ml-3'} onClick={close}>{wide ? <><Icon name="close" className="size-4" />{t('common.close')}</> : <><Icon name="up" className="size-4 -rotate-90" />{t('console.log.to_list')}</>}</Button>
        </div>
        {call.isPending && <Skeleton lines={8} className="p-5" />}
        {gone && <Empty icon="search" title={t('console.log.gone')}>{t('console.log.gone_text')}</Empty>}
        {call.isError && !call.data && !gone && <LoadError error={call.error} retry={() => void call.refetch()} />}
        {call.data && <Detail key={call.data.id} call={call.data} title={title} />}
      </section>
    </Card>
  )
}

function Detail({ call, title }: { call: CallDetail; title: React.RefObject<HTMLHeadingElement | null> }) {
  const { t } = useT()
  return (
    <div className="space-y-6 p-5">
      <div>
        <p className="mb-2 flex flex-wrap items-center gap-2"><ResultBadge call={call} />{call.times > 1 && <Badge tone="plain">{t('console.log.times', { count: call.times })}</Badge>}</p>
        <h2 ref={title} tabIndex={-1} className="text-lg leading-snug font-semibold [overflow-wrap:anywhere]"><Said times={call.sentence_times}>{call.sentence}</Said></h2>
        <p className="mt-1 text-sm text-muted"><Time at={call.last_at} /></p>
      </div>
      {call.resolved_at && <CameRight call={call} />}
      {call.reason && <ReasonBox reason={call.reason} said={call.said} />}
      <Actions call={call} />
      {(call.changes.length > 0 || call.members) && <Section title={t('console.log.changes')}><Changes changes={call.changes} members={call.members} /></Section>}
      <Section title={t('console.log.facts')}><Facts call={call} /></Section>
      {call.request !== undefined && call.request !== null && <Exchange title={t('console.log.request')} value={call.request} />}
      {call.can.reveal && <Raw call={call} />}
      {call.response !== undefined && call.response !== null && <Exchange title={t('console.log.response')} value={call.response} />}
      {call.operations.length > 0 && <Section title={t('console.log.operations')}><CallList calls={call.operations} label={t('console.log.operations')} /></Section>}
      {call.related.length > 1 && (
        <Section title={t(call.subject?.kind === 'team' ? 'console.log.related_team' : 'console.log.related')}>
          <CallList calls={call.related.filter((one) => one.id !== call.id)} label={t('console.log.related')} />
        </Section>
      )}
    </div>
  )
}

function CameRight({ call }: { call: CallDetail }) {
  const { t } = useT()
  return (
    <Notice tone="good">
      <Rich k="console.log.came_right" parts={{ time: <Time at={call.resolved_at ?? call.last_at} /> }} />
      {call.resolved_by?.startsWith('plg_') && <> <Link to="/settings/directory/log/$call" params={{ call: call.resolved_by }} search={{}} className={textLink}>{t('console.log.came_right_by')}</Link></>}
    </Notice>
  )
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return <section><h3 className="mb-2 font-semibold">{title}</h3>{children}</section>
}

function Exchange({ title, value }: { title: string; value: unknown }) {
  const { t } = useT()
  const { copy, copied, failed, failure } = useCopy(t('console.copied_spoken', { what: title }))
  const box = useRef<HTMLDivElement>(null)
  const select = () => { if (box.current) getSelection()?.selectAllChildren(box.current) }
  return (
    <section>
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <h3 className="font-semibold">{title} <span className="font-normal text-muted">{t('console.log.masked')}</span></h3>
        <span className="flex items-center gap-2">
          <Copied shown={copied} />
          <Button look="quiet" aria-label={t('console.copy_named', { what: title })} onClick={(event) => void copy(JSON.stringify(value, null, 2), event.currentTarget, select)}><Icon name="copy" className="size-4" />{t('common.copy')}</Button>
        </span>
      </div>
      <div ref={box}><Body value={value} label={title} /></div>
      {failed && <Notice tone="warn" alert className="mt-3">{failure}</Notice>}
    </section>
  )
}

function Raw({ call }: { call: CallDetail }) {
  const { t, language } = useT()
  const [raw, setRaw] = useState<RawCall | null>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const shown = useRef<HTMLDivElement>(null)
  useEffect(() => { if (raw) shown.current?.focus({ preventScroll: true }) }, [raw]) // the button that had it is gone
  async function reveal() {
    setBusy(true)
    setError(null)
    try {
      setRaw(await directoryApi.raw(call.id))
    } catch (failure) {
      setError(errorText(t, language, failure))
    }
    setBusy(false)
  }
  if (raw)
    return (
      <Section title={t('console.log.raw')}>
        <div ref={shown} tabIndex={-1}>
        <p className="mb-2 text-sm text-muted">{t('console.log.raw_shown')}</p>
        <Body value={parsed(raw.body)} label={t('console.log.raw')} />
        <Button look="quiet" className="mt-1" onClick={() => setRaw(null)}>{t('console.log.raw_hide')}</Button>
        </div>
      </Section>
    )
  return (
    <div>
      <Button busy={busy} onClick={() => void reveal()}><Icon name="eye" className="size-4" />{t('console.log.reveal')}</Button>
      <p className="mt-1.5 text-sm text-muted">{t('console.log.reveal_hint')}</p>
      {error && <Notice tone="bad" alert className="mt-3">{error}</Notice>}
    </div>
  )
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return body
  }
}

const bases: Record<string, Key> = { user_agent: 'console.log.basis_agent', address: 'console.log.basis_address', dialect: 'console.log.basis_dialect', earlier_call: 'console.log.basis_earlier' }

function Facts({ call }: { call: CallDetail }) {
  const { t, language } = useT()
  const fact = (name: string, value: ReactNode) => value ? <div className="grid grid-cols-[8rem_minmax(0,1fr)] gap-x-3 py-1.5"><dt className="text-muted">{name}</dt><dd className="[overflow-wrap:anywhere]">{value}</dd></div> : null
  const code = (text: string | undefined) => text ? <code className="font-mono text-xs" translate="no">{text}</code> : null
  const basis = call.client_basis ? bases[call.client_basis] : undefined
  return (
    <dl className="divide-y divide-line border-y border-line text-sm">
      {fact(t('console.log.call'), code(`${call.method} ${call.target}`))}
      {fact(t('console.log.status'), <span className="tabular-nums">{call.status}</span>)}
      {call.times > 1 && fact(t('console.log.first'), <Time at={call.at} />)}
      {fact(t('console.log.client'), call.client && <>{call.client}{basis && <span className="text-muted"> ({t(basis)})</span>}</>)}
      {fact(t('console.tokens.token'), call.used_token?.hint && code(`…${call.used_token.hint}`))}
      {fact(t('console.log.took'), t('console.log.ms', { n: new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(call.took_ms) }))}
      {fact(t('console.log.ip'), code(call.ip))}
      {fact(t('console.log.agent'), code(call.user_agent))}
      {fact(t('console.log.request_id'), code(call.request_id))}
      {fact(t('console.log.replayed_by'), call.replayed_by && <bdi>{call.replayed_by}</bdi>)}
      {fact(t('console.log.replay_of'), call.replay_of && <Link to="/settings/directory/log/$call" params={{ call: call.replay_of }} search={{}} className={textLink}>{t('console.log.replay_of_link')}</Link>)}
      {fact(t('console.log.raw_until'), call.raw_until && <Time at={call.raw_until} />)}
    </dl>
  )
}

/** The code of a userName that somebody has already. */
const nameTaken = 'DS-1201'

function Actions({ call }: { call: CallDetail }) {
  const { t } = useT()
  const dialogs = useDialogs()
  const queries = useQueryClient()
  const session = useSession()
  const link = useCopy(t('console.log.link_copied'))
  const curl = useCopy(t('console.log.curl_copied'))
  const nothing = () => undefined
  const conflict = call.code === nameTaken && call.result === 'failed' && !call.resolved_at && call.can.replay
  const replay = () => look((close) => <ReplayDialog call={call} close={close} />)
  const resolve = () => look((close) => <ResolveDialog call={call} close={close} />)
  async function look(dialog: (close: (done: true | null) => void) => ReactNode) {
    await dialogs.open<true>(dialog)
    await Promise.all([queries.invalidateQueries({ queryKey: keyOf(session, 'call', call.id) }), queries.invalidateQueries({ queryKey: keyOf(session, 'log') })])
  }
  const { subject } = call
  return (
    <div className="flex flex-wrap items-center gap-2">
      {conflict && <Button look="primary" onClick={() => void resolve()}>{t('console.conflict.title')}</Button>}
      {call.can.rehearse && <Button look={call.result === 'failed' && !call.resolved_at && !conflict ? 'primary' : 'secondary'} onClick={() => void replay()}>{t('console.log.replay')}</Button>}
      {subject?.id && <ButtonLink to="/settings/directory/log" search={subject.kind === 'team' ? { team: subject.id } : { person: subject.id }}>{t(subject.kind === 'team' ? 'console.log.all_of_team' : 'console.log.all_of_person')}</ButtonLink>}
      {!subject?.id && subject?.kind === 'person' && subject.name && <ButtonLink to="/settings/directory/missing" search={{ person: subject.name }}>{t('console.missing.open')}</ButtonLink>}
      <Button look="quiet" onClick={(event) => void link.copy(`${location.origin}/settings/directory/log/${call.id}`, event.currentTarget, nothing)}>{t('console.log.copy_link')}</Button>
      <Button look="quiet" onClick={(event) => void curl.copy(asCurl(`${location.origin}/v1/scim/v2`, call.method, call.target, call.request), event.currentTarget, nothing)}>{t('console.log.copy_curl')}</Button>
      <Copied shown={link.copied || curl.copied} />
    </div>
  )
}
