// Sync health: what is known of the synchronisation, what is only inferred, and what Entra ID is likely to do.

import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useId, useRef, useState } from 'react'
import { useT } from '../../i18n'
import { keyOf, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { ButtonLink } from '../../ui/button'
import { Notice } from '../../ui/notice'
import { Badge, Card, Empty, LoadError, Rich, Skeleton, Time } from '../../ui/parts'
import { Cell, Row, Table } from '../../ui/table'
import { directoryApi } from '../api'
import { DirectoryPage, Said } from '../frame'
import { healthLooks, Part, Sentences, ShortTime } from '../parts'
import type { Cycle, SyncHealth } from '../types'
import { Chart } from './Chart'
import { dealtWith, entraMinutes, inScope, share, shownMinutes } from './estimate'

/** How often the page asks again; S13 lets progress be spoken every 15 seconds at most. */
const everyMs = 5_000
const spokenEvery = 15_000

export function HealthPage() {
  const { t } = useT()
  const session = useSession()
  const health = useQuery({ queryKey: keyOf(session, 'health'), queryFn: directoryApi.health, refetchInterval: everyMs })
  const { data } = health
  return (
    <DirectoryPage title="console.dir.health" actions={<ButtonLink to="/settings/directory/log" search={{ open: true }}>{t('console.health.open_log')}</ButtonLink>}>
      {health.isPending && <Card className="p-6"><Skeleton lines={9} /></Card>}
      {health.isError && !data && <Card><LoadError error={health.error} retry={() => void health.refetch()} /></Card>}
      {data && <Health health={data} failed={health.isError} />}
    </DirectoryPage>
  )
}

function Health({ health, failed }: { health: SyncHealth; failed: boolean }) {
  const { t } = useT()
  const initial = health.cycles.find((cycle) => cycle.initial)
  return (
    <div className="space-y-9">
      {failed && <Notice tone="warn"><Rich k="console.health.stale" parts={{ time: <Time at={health.server_time} /> }} /></Notice>}
      <Trouble health={health} />
      <State health={health} />
      {health.state === 'never_called' ? (
        <Card><Empty icon="empty" title={t('console.health.never')}><p className="mb-5">{t('console.health.never_text')}</p><ButtonLink to="/settings/directory/setup">{t('console.dir.set_up')}</ButtonLink></Empty></Card>
      ) : (
        <>
          <Scope health={health} cycle={initial} />
          {health.forecast && <Forecast forecast={health.forecast} />}
          <Part title={t('console.health.traffic')}><Card className="p-6 max-cards:p-5"><Chart minutes={health.minutes} now={health.server_time} /></Card></Part>
          <Part title={t('console.health.cycles')} lead={t('console.health.cycles_text')}><Cycles cycles={health.cycles} /></Part>
        </>
      )}
    </div>
  )
}

/** Calls that are refused for their token, and what to do: it comes before everything else. */
function Trouble({ health }: { health: SyncHealth }) {
  const { t } = useT()
  const rejected = health.sentences.find((one) => one.code === 'rejected')
  if (!rejected) return null
  return (
    <Notice tone="bad">
      <p className="font-medium">{t('console.health.rejected')}</p>
      <p className="mt-1"><Said times={rejected.times}>{rejected.text}</Said></p>
      <ol className="mt-2 list-decimal space-y-1 ps-5">
        <li>{t('console.health.rejected_1')}</li>
        <li>{t('console.health.rejected_2')}</li>
        <li>{t('console.health.rejected_3')}</li>
      </ol>
      <div className="mt-3 flex flex-wrap gap-3">
        <ButtonLink to="/settings/workspace/idp">{t('console.idp.view')}</ButtonLink>
        <ButtonLink to="/settings/directory/log" search={{ result: 'rejected' }}>{t('console.health.rejected_log')}</ButtonLink>
      </div>
    </Notice>
  )
}

function State({ health }: { health: SyncHealth }) {
  const { t } = useT()
  const look = healthLooks[health.state]
  const announce = useAnnounce()
  const before = useRef(health.state)
  useEffect(() => {
    if (before.current === health.state) return
    before.current = health.state
    announce(t(look.word))
  }, [health.state, look, announce, t])
  return (
    <Card className="p-6 max-cards:p-5">
      <div className="mb-4 flex flex-wrap items-center gap-3">
        <Badge tone={look.tone} icon={look.icon}>{t(look.word)}</Badge>
        {health.client && <span className="font-medium">{health.client}</span>}
      </div>
      <Sentences sentences={health.sentences.filter((one) => one.code !== 'rejected')} />
    </Card>
  )
}

function Forecast({ forecast }: { forecast: NonNullable<SyncHealth['forecast']> }) {
  const { t } = useT()
  const tone = { none: 'good', watch: 'warn', likely: 'bad' } as const
  return (
    <Part title={t('console.health.forecast')} lead={t('console.health.forecast_text')}>
      <Notice tone={tone[forecast.level]}>
        <Sentences sentences={forecast.sentences} />
      </Notice>
    </Part>
  )
}

/** The optional question how many are in scope, and what follows from it. */
function Scope({ health, cycle }: { health: SyncHealth; cycle: Cycle | undefined }) {
  const { t, language } = useT()
  const navigate = useNavigate()
  const id = useId()
  const given = (useSearch({ strict: false }) as { scope?: unknown }).scope
  const [typed, setTyped] = useState(typeof given === 'string' || typeof given === 'number' ? String(given).slice(0, 60) : '')
  const scope = inScope(typed)
  const number = (n: number) => new Intl.NumberFormat(language === 'de' ? 'de-DE' : 'en-GB', { maximumFractionDigits: 1 }).format(n)
  const running = cycle?.running === true
  if (health.state !== 'initial' && !running && scope === null && typed === '') return null
  const { least, most } = entraMinutes(scope ?? 0)
  return (
    <Part title={t('console.health.first')}>
      <Card className="p-6 max-cards:p-5">
        <div className="max-w-md">
          <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.health.scope')}</label>
          <input
            id={id} value={typed} inputMode="text" autoComplete="off" aria-describedby={`${id}-hint`}
            onChange={(event) => {
              setTyped(event.target.value.slice(0, 60))
              void navigate({ to: '/settings/directory/health', search: event.target.value ? { scope: event.target.value.slice(0, 60) } : {}, replace: true, resetScroll: false })
            }}
            className="min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11"
          />
          <p id={`${id}-hint`} className="mt-1.5 text-sm text-muted">{t('console.health.scope_hint')}</p>
        </div>
        {scope !== null && <p className="mt-4">{t('console.health.estimate', { least: number(shownMinutes(least)), most: number(shownMinutes(most)) })}</p>}
        {cycle && <Progress cycle={cycle} scope={scope} number={number} />}
      </Card>
    </Part>
  )
}

function Progress({ cycle, scope, number }: { cycle: Cycle; scope: number | null; number: (n: number) => string }) {
  const { t } = useT()
  const done = dealtWith(cycle.counts)
  const percent = scope === null ? 0 : share(done, scope)
  const [spoken, setSpoken] = useState({ percent, done, at: Date.now() })
  useEffect(() => {
    if (Date.now() - spoken.at >= spokenEvery && spoken.done !== done) setSpoken({ percent, done, at: Date.now() })
  }, [done, percent, spoken])
  const counted = t('console.health.so_far', { people: number(cycle.counts.created), teams: number(cycle.counts.teams), failed: number(cycle.counts.failed) })
  if (scope === null || !cycle.running) return <p className="mt-4 text-muted">{counted}</p>
  return (
    <div className="mt-4">
      <div
        role="progressbar" aria-label={t('console.health.first')} aria-valuemin={0} aria-valuemax={100} aria-valuenow={spoken.percent} data-testid="cycle-bar"
        aria-valuetext={t('console.health.spoken', { percent: spoken.percent, done: number(spoken.done), scope: number(scope) })}
        className="h-2 overflow-hidden rounded-full bg-hover"
      >
        <div className="countdown-bar h-full rounded-full bg-accent-fill" style={{ width: `${percent}%` }} />
      </div>
      <p className="mt-2 text-sm">{t('console.health.about', { percent })} <span className="text-muted">· {counted}</span></p>
    </div>
  )
}

function Cycles({ cycles }: { cycles: Cycle[] }) {
  const { t, language } = useT()
  const n = (value: number) => new Intl.NumberFormat(language).format(value)
  if (cycles.length === 0) return <Card><Empty icon="empty" title={t('console.health.no_cycles')} /></Card>
  return (
    <Card className="overflow-hidden">
      <Table heads={[{ key: 'console.health.start' }, { key: 'console.health.length' }, { key: 'console.health.created' }, { key: 'console.health.updated' }, { key: 'console.health.off' }, { key: 'console.health.team_changes' }, { key: 'console.health.failed' }]}>
        {cycles.map((cycle) => (
          <Row key={cycle.start}>
            <Cell>
              <ShortTime at={cycle.start} />
              <span className="mt-1 flex flex-wrap gap-1.5">
                {cycle.initial && <Badge tone="accent">{t('console.health.initial')}</Badge>}
                {cycle.running && <Badge tone="good">{t('console.health.running')}</Badge>}
              </span>
            </Cell>
            <Cell label={t('console.health.length')}><span className="whitespace-nowrap">{length(t, cycle)}</span></Cell>
            <Cell label={t('console.health.created')}><span className="tabular-nums">{n(cycle.counts.created)}</span></Cell>
            <Cell label={t('console.health.updated')}><span className="tabular-nums">{n(cycle.counts.updated)}</span></Cell>
            <Cell label={t('console.health.off')}><span className="tabular-nums">{n(cycle.counts.deactivated + cycle.counts.deleted)}</span></Cell>
            <Cell label={t('console.health.team_changes')}><span className="tabular-nums">{n(cycle.counts.teams)}</span></Cell>
            <Cell label={t('console.health.failed')}><Failed cycle={cycle} /></Cell>
          </Row>
        ))}
      </Table>
    </Card>
  )
}

function length(t: ReturnType<typeof useT>['t'], cycle: Cycle): string {
  const minutes = Math.round((Date.parse(cycle.end) - Date.parse(cycle.start)) / 60_000)
  if (minutes < 1) return t('console.health.under_a_minute')
  return minutes < 120 ? t('console.health.minutes', { count: minutes }) : t('console.health.hours', { count: Math.round(minutes / 60) })
}

function Failed({ cycle }: { cycle: Cycle }) {
  const { t } = useT()
  const count = cycle.counts.failed
  if (count === 0) return <span className="tabular-nums">0</span>
  const to = new Date(Date.parse(cycle.end) + 1000).toISOString()
  return <ButtonLink look="quiet" className="-my-2.5 -ml-3" to="/settings/directory/log" search={{ result: 'failed', from: cycle.start, to }}>{t('console.health.failed_link', { count })}</ButtonLink>
}
