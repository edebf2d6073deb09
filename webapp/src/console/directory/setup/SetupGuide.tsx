// The guided set-up: numbered steps on the left, what to copy and a drawn sketch of the provider's page on the right. Steps tick themselves
// when a call with the token proves them.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { clock } from '../../../shared/format'
import type { Directory } from '../../../shared/types'
import { api } from '../../api'
import { useT, type Key } from '../../i18n'
import { useViewToken } from '../../token/actions'
import { keyOf, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button, ButtonLink, textLink } from '../../ui/button'
import { CopyField } from '../../ui/copy'
import { Icon, type IconName } from '../../ui/icons'
import { Notice } from '../../ui/notice'
import { Card, LoadError, Skeleton } from '../../ui/parts'
import { directoryApi } from '../api'
import { DirectoryPage, Said } from '../frame'
import { current, guides, providerOf, providers, ticked, type Guide, type Provider, type StepState, type Ticked } from './guides'
import { Attributes, SketchOf } from './Sketch'

/** How often calls are looked for: while a step can still tick itself, and when all of them have. */
const everyMs = 1_000
const restMs = 15_000
const place = (workspace: string) => `countersign.guide.${workspace}`

export function SetupGuide() {
  const { t } = useT()
  const session = useSession()
  const directory = useQuery({ queryKey: keyOf(session, 'directory'), queryFn: () => api.directory() })
  const given = (useSearch({ strict: false }) as { idp?: unknown }).idp
  const stored = remembered(session.workspace.slug)
  const chosen = providers.find((one) => one === given) ?? stored.provider ?? providerOf(directory.data?.idp.name)
  return (
    <DirectoryPage title="console.guide.title" lead={t('console.guide.lead')}>
      {directory.isPending && <Card className="p-6"><Skeleton lines={8} /></Card>}
      {directory.isError && !directory.data && <Card><LoadError error={directory.error} retry={() => void directory.refetch()} /></Card>}
      {directory.data && <Choice chosen={chosen} />}
      {directory.data && chosen && <Steps key={chosen} provider={chosen} directory={directory.data} stored={stored.provider === chosen ? stored.step : undefined} />}
    </DirectoryPage>
  )
}

function remembered(workspace: string): { provider?: Provider; step?: string } {
  try {
    const [provider, step] = (localStorage.getItem(place(workspace)) ?? '').split(':')
    const known = providers.find((one) => one === provider)
    return known ? { provider: known, step } : {}
  } catch {
    return {}
  }
}

function remember(workspace: string, provider: Provider, step: string): void {
  try {
    localStorage.setItem(place(workspace), `${provider}:${step}`)
  } catch { /* it is found again by what is proven */ }
}

const names: Record<Provider, Key> = { entra: 'console.guide.entra', okta: 'console.guide.okta', other: 'console.guide.other' }

function Choice({ chosen }: { chosen: Provider | null }) {
  const { t } = useT()
  return (
    <nav aria-label={t('console.guide.choose')} className="mb-7">
      {!chosen && <p className="mb-3 font-medium">{t('console.guide.choose')}</p>}
      <ul className="flex flex-wrap gap-3">
        {providers.map((one) => (
          <li key={one}>
            <Link
              to="/settings/directory/setup" search={{ idp: one }} aria-current={one === chosen ? 'true' : undefined} activeProps={{ 'aria-current': one === chosen ? 'true' : undefined }}
              className={`inline-flex min-h-11 items-center rounded-lg border px-4 font-medium ${one === chosen ? 'border-accent bg-accent-soft text-accent' : 'border-edge hover:bg-hover'}`}
            >
              {t(names[one])}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}

function Steps({ provider, directory, stored }: { provider: Provider; directory: Directory; stored: string | undefined }) {
  const { t } = useT()
  const session = useSession()
  const navigate = useNavigate()
  const guide = guides[provider]
  const setup = useQuery({ queryKey: keyOf(session, 'guide'), queryFn: () => directoryApi.setup(), refetchInterval: (query) => (query.state.data?.steps.every((one) => one.call) ? restMs : everyMs) })
  const all = ticked(guide.steps, setup.data)
  const [at, setAt] = useState(stored && guide.steps.some((step) => step.id === stored) ? stored : undefined)
  const shown = all.find((one) => one.step.id === (at ?? current(all))) ?? all[0]
  useSpoken(all)
  useEffect(() => { if (shown) remember(session.workspace.slug, provider, shown.step.id) }, [shown, provider, session.workspace.slug])
  if (setup.isPending) return <Card className="p-6"><Skeleton lines={8} /></Card>
  if (setup.isError && !setup.data) return <Card><LoadError error={setup.error} retry={() => void setup.refetch()} /></Card>
  if (!shown) return null
  const choose = (id: string) => {
    setAt(id)
    void navigate({ to: '/settings/directory/setup', search: { idp: provider }, replace: true, resetScroll: false })
  }
  return (
    <>
      {!setup.data?.used_token && <Notice tone="warn" className="mb-6">{t('console.guide.no_token')}</Notice>}
      <div className="grid items-start gap-6 cards:grid-cols-[minmax(15rem,19rem)_minmax(0,1fr)]">
        <List all={all} shown={shown.step.id} choose={choose} />
        <Shown key={shown.step.id} one={shown} number={all.indexOf(shown) + 1} of={all.length} guide={guide} directory={directory} next={all[all.indexOf(shown) + 1]?.step.id} choose={choose} />
      </div>
      <Facts guide={guide} />
    </>
  )
}

/** Says which steps have ticked themselves since the page was opened. */
function useSpoken(all: Ticked[]): void {
  const { t } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const announce = useAnnounce()
  const before = useRef<Set<string> | null>(null)
  const done = all.filter((one) => one.state === 'done').map((one) => one.step.id).join()
  const latest = useRef(all)
  latest.current = all
  useEffect(() => {
    const now = new Set(done.split(','))
    for (const one of latest.current) if (before.current && now.has(one.step.id) && !before.current.has(one.step.id)) announce(t('console.guide.ticked', { step: t(one.step.title) }))
    // Which provider it is the first call has told; other pages name it.
    if (before.current) void queries.invalidateQueries({ queryKey: keyOf(session, 'directory') })
    before.current = now
  }, [done, announce, t, queries, session])
}

const looks: Record<StepState, { icon: IconName | null; look: string; word: Key }> = {
  done: { icon: 'check', look: 'bg-good-soft text-good', word: 'console.guide.done' },
  waiting: { icon: null, look: 'bg-accent-soft text-accent', word: 'console.guide.waiting' },
  problem: { icon: 'warn', look: 'bg-bad-soft text-bad', word: 'console.guide.problem' },
  todo: { icon: null, look: 'bg-hover text-muted', word: 'console.guide.todo' },
  unseen: { icon: null, look: 'bg-hover text-muted', word: 'console.guide.unseen' },
}

function List({ all, shown, choose }: { all: Ticked[]; shown: string; choose: (id: string) => void }) {
  const { t, language } = useT()
  return (
    <ol className="space-y-1">
      {all.map(({ step, state, call }, i) => {
        const { icon, look, word } = looks[state]
        return (
          <li key={step.id}>
            <button
              type="button" onClick={() => choose(step.id)} aria-current={step.id === shown ? 'step' : undefined}
              className="flex w-full items-start gap-3 rounded-lg px-3 py-2.5 text-left hover:bg-hover aria-[current=step]:bg-hover"
            >
              <span aria-hidden="true" className={`mt-0.5 grid size-7 shrink-0 place-items-center rounded-full text-sm font-semibold ${look}`}>{icon ? <Icon name={icon} className="size-4" /> : i + 1}</span>
              <span className="min-w-0">
                <span className="block font-medium">{t(step.title)}</span>
                <span className={`block text-sm ${state === 'problem' ? 'text-bad' : 'text-muted'}`}>{t(word)}{state === 'done' && call ? ` ${clock(new Date(call.at), language)}` : ''}</span>
              </span>
            </button>
          </li>
        )
      })}
    </ol>
  )
}

interface ShownProps { one: Ticked; number: number; of: number; guide: Guide; directory: Directory; next: string | undefined; choose: (id: string) => void }

function Shown({ one: { step, state, call }, number, of, guide, directory, next, choose }: ShownProps) {
  const { t } = useT()
  const title = useRef<HTMLHeadingElement>(null)
  const first = useRef(true)
  useEffect(() => {
    if (!first.current) return
    first.current = false
    if (document.activeElement?.closest('ol')) title.current?.focus({ preventScroll: false })
  }, [])
  return (
    <Card className="p-6 max-cards:p-5">
      <p className="text-sm text-muted">{t('console.guide.step_of', { n: number, of })}</p>
      <h2 ref={title} tabIndex={-1} className="mt-0.5 text-lg font-semibold">{t(step.title)}</h2>
      <p className="mt-2">{t(step.text)}</p>
      {step.more && <p className="mt-2 text-muted">{t(step.more)}</p>}
      {state === 'done' && call && <Proven call={call} />}
      {state === 'problem' && call && <Refused call={call} />}
      {state === 'waiting' && <p role="status" className="mt-4 flex items-center gap-2.5 text-muted"><span aria-hidden="true" className="breathe size-2.5 rounded-full bg-accent" />{t('console.guide.waiting_text')}</p>}
      {state === 'unseen' && <p className="mt-4 text-sm text-muted">{t('console.guide.unseen_text')}</p>}
      {step.hands && <div className="mt-6 space-y-5">{step.hands.map((what) => <Hand key={what} what={what} directory={directory} />)}</div>}
      {step.table && <Attributes of={step.table} />}
      {step.sketch && <SketchOf sketch={step.sketch} provider={guide.name} />}
      <div className="mt-6 flex flex-wrap items-center gap-3 border-t border-line pt-5">
        {next && <Button look="primary" onClick={() => choose(next)}>{t('console.guide.next')}</Button>}
        {!next && <ButtonLink look="primary" to="/settings/directory/health">{t('console.guide.watch')}</ButtonLink>}
        {guide.link && <a href={guide.link.to} target="_blank" rel="noreferrer" className={textLink}>{t('console.guide.open_in', { idp: guide.link.name })}</a>}
      </div>
    </Card>
  )
}

function Proven({ call }: { call: NonNullable<Ticked['call']> }) {
  const { language } = useT()
  return (
    <Notice tone="good" className="mt-4">
      {clock(new Date(call.at), language)} · <Link to="/settings/directory/log/$call" params={{ call: call.id }} search={{}} className={textLink}><Said times={call.sentence_times}>{call.sentence}</Said></Link>
    </Notice>
  )
}

function Refused({ call }: { call: NonNullable<Ticked['call']> }) {
  const { t, language } = useT()
  return (
    <Notice tone="bad" alert className="mt-4">
      <p>{clock(new Date(call.last_at), language)} · <Said times={call.sentence_times}>{call.sentence}</Said></p>
      <p className="mt-1"><Link to="/settings/directory/log/$call" params={{ call: call.id }} search={{}} className={textLink}>{t('console.guide.see_call')}</Link></p>
    </Notice>
  )
}

function Hand({ what, directory }: { what: 'url' | 'token' | 'user_name'; directory: Directory }) {
  const { t } = useT()
  if (what === 'url') return <CopyField label={t('console.idp.tenant_url')} value={directory.tenant_url} />
  if (what === 'user_name') return <CopyField label={t('console.guide.identifier')} value="userName" />
  return <Token directory={directory} />
}

function Token({ directory }: { directory: Directory }) {
  const { t } = useT()
  const view = useViewToken(directory)
  return (
    <div>
      <p className="mb-1.5 text-sm font-medium">{t('console.token.label')}</p>
      {directory.token ? <Button onClick={() => void view()}><Icon name="key" className="size-4" />{t('console.idp.view')}</Button> : <ButtonLink to="/settings/workspace/idp">{t('console.dir.back')}</ButtonLink>}
      <p className="mt-1.5 text-sm text-muted">{t('console.guide.token_hint')}</p>
    </div>
  )
}

function Facts({ guide }: { guide: Guide }) {
  const { t } = useT()
  return (
    <section className="mt-8 rounded-xl bg-sunken p-6 max-cards:p-5">
      <h2 className="font-semibold">{t('console.guide.facts')}</h2>
      <ul className="mt-2 list-disc space-y-1.5 ps-5 text-sm">{guide.facts.map((fact) => <li key={fact}>{t(fact)}</li>)}</ul>
    </section>
  )
}
