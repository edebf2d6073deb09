// The tab "IDP Settings" with its section "Directory Sync".

import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, type ReactNode } from 'react'
import { ApiError } from '../../shared/api'
import { relative } from '../../shared/format'
import type { Directory, Role } from '../../shared/types'
import { api } from '../api'
import { useT, type Key, type T } from '../i18n'
import { serverTime } from '../server-clock'
import { keyOf, useSession } from '../session'
import { ForbiddenPage } from '../shell/ErrorPages'
import { useRegenerate, useViewToken } from '../token/actions'
import { span, type Renewal } from '../token/life'
import { OverlapCard } from '../token/OverlapCard'
import { RegenerateDialog } from '../token/RegenerateDialog'
import { TokensCard } from '../token/TokensCard'
import { Troubles } from '../token/Troubles'
import { LastDay } from '../directory/health/LastDay'
import { Danger } from '../directory/TurnOff'
import { SingleSignOn } from '../sso/SingleSignOn'
import { useAnnounce } from '../ui/announce'
import { Button, ButtonLink } from '../ui/button'
import { CopyField } from '../ui/copy'
import { useDialogs } from '../ui/dialogs'
import { Icon, type IconName } from '../ui/icons'
import { Notice } from '../ui/notice'
import { Badge, Card, LoadError, Rich, Skeleton, Time, useNow, type BadgeTone } from '../ui/parts'
import { FirstSteps } from './FirstSteps'

const refreshMs = 15_000

export function IdpTab() {
  const session = useSession()
  const directory = useQuery({ queryKey: keyOf(session, 'directory'), queryFn: () => api.directory(), refetchInterval: refreshMs })
  const { data, error } = directory
  if (!data && error instanceof ApiError && error.status === 403) return <ForbiddenPage roles={allowed(error)} />
  if (!data && error) return <Card><LoadError error={error} retry={() => void directory.refetch()} /></Card>
  return (
    <div className="space-y-10">
      {data && error && <Stale at={directory.dataUpdatedAt} again={() => void directory.refetch()} />}
      <Provider directory={data} />
      <Sync directory={data} />
    </div>
  )
}

/** The last known state, with its time: nothing here is lost while the service does not answer. */
function Stale({ at, again }: { at: number; again: () => void }) {
  const { t } = useT()
  return (
    <Notice tone="warn">
      <Rich k="console.health.stale" parts={{ time: <Time at={new Date(at).toISOString()} /> }} />
      <Button className="mt-3 block" onClick={again}>{t('common.tryAgain')}</Button>
    </Notice>
  )
}

function allowed(error: ApiError): Role[] | undefined {
  const roles = error.fields['allowed_roles']
  return Array.isArray(roles) ? (roles as Role[]) : undefined
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h2 className="mb-4 text-lg font-semibold">{title}</h2>
      {children}
    </section>
  )
}

// --- identity provider

function Provider({ directory }: { directory: Directory | undefined }) {
  const { t } = useT()
  return (
    <Section title={t('console.idp.provider')}>
      <Card className="p-6 max-cards:p-5">
        {directory ? (
          <div className="flex flex-wrap items-center justify-between gap-x-8 gap-y-3">
            <dl>
              <dt className="text-sm text-muted">{t('console.idp.detected')}</dt>
              <dd className="mt-0.5 font-medium [overflow-wrap:anywhere]">{directory.idp.name ?? t('console.idp.none_yet')}</dd>
            </dl>
            <ButtonLink to="/settings/directory/setup">{t('console.dir.set_up')}</ButtonLink>
          </div>
        ) : <Skeleton lines={2} />}
        <div className="mt-5 border-t border-line pt-5"><SingleSignOn /></div>
      </Card>
    </Section>
  )
}

// --- directory sync

function Sync({ directory }: { directory: Directory | undefined }) {
  const { t } = useT()
  return (
    <Section title={t('console.idp.sync')}>
      {directory ? <Synced directory={directory} /> : <Card className="p-6"><Skeleton lines={9} /></Card>}
    </Section>
  )
}

function Synced({ directory }: { directory: Directory }) {
  const regenerate = useRegenerateDialog(directory)
  return (
    <div className="space-y-6">
      <FirstSteps directory={directory} />
      <Troubles directory={directory} regenerate={() => void regenerate()} />
      <Card>
        <Status directory={directory} />
        <Connection directory={directory} />
        <View directory={directory} regenerate={() => void regenerate()} />
      </Card>
      {directory.overlap && <OverlapCard directory={directory} overlap={directory.overlap} />}
      <TokensCard tokens={directory.tokens} />
      <LastDay />
      <Danger />
    </div>
  )
}

/** S7: asks why and how, then the phone. */
function useRegenerateDialog(directory: Directory) {
  const dialogs = useDialogs()
  const regenerate = useRegenerate(directory)
  return async () => {
    const renewal = await dialogs.open<Renewal>((close) => <RegenerateDialog running={directory.overlap} replaces={directory.token !== null} close={close} />)
    if (renewal) await regenerate(renewal)
  }
}

const states: Record<string, { icon: IconName; tone: BadgeTone; word: Key }> = {
  not_set_up: { icon: 'off', tone: 'plain', word: 'console.status.not_set_up' },
  waiting: { icon: 'clock', tone: 'accent', word: 'console.status.waiting' },
  initial: { icon: 'clock', tone: 'accent', word: 'console.status.initial' },
  healthy: { icon: 'tick', tone: 'good', word: 'console.status.healthy' },
  slowed_down: { icon: 'clock', tone: 'warn', word: 'console.status.slowed_down' },
  attention: { icon: 'warn', tone: 'warn', word: 'console.status.attention' },
  stopped: { icon: 'off', tone: 'warn', word: 'console.status.stopped' },
  silent: { icon: 'warn', tone: 'warn', word: 'console.status.silent' },
}

function Status({ directory }: { directory: Directory }) {
  const { t, language } = useT()
  const now = useNow(30_000)
  const { status, counts } = directory
  const state = states[status.state]
  useSpokenState(status.state, state ? t(state.word) : status.state)
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-8 gap-y-4 border-b border-line p-6 max-cards:p-5">
      <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-2">
        <Badge tone={state?.tone ?? 'plain'} icon={state?.icon ?? 'info'}>{state ? t(state.word) : status.state}</Badge>
        <span className="min-w-0 text-muted">{sentence(t, directory, (at) => relative(new Date(at), now, language)).replace(/\.\.$/, '.')}</span>
      </div>
      <dl className="flex gap-6 text-sm">
        <Count value={counts.people} word={t('console.idp.people', { count: counts.people })} />
        <Count value={counts.teams} word={t('console.idp.teams', { count: counts.teams })} />
      </dl>
    </div>
  )
}

/** Says a new state when it comes while the page is open; that a minute has passed since a call is not spoken. */
function useSpokenState(state: string, word: string): void {
  const announce = useAnnounce()
  const before = useRef(state)
  useEffect(() => {
    if (before.current === state) return
    before.current = state
    announce(word)
  }, [state, word, announce])
}

function sentence(t: T, { status, idp }: Directory, ago: (at: string) => string): string {
  const name = idp.name ?? status.last_client ?? t('console.idp.your_idp')
  const time = status.last_request_at ? ago(status.last_request_at) : ''
  if (status.state === 'not_set_up') return t('console.status.not_set_up_text')
  if (status.state === 'waiting' || !time) return t('console.status.waiting_text')
  if (status.state === 'stopped') return t('console.status.stopped_text', { name, time })
  if (status.state === 'attention') return t('console.status.attention_text', { name, time })
  const wait = status.state === 'healthy' && status.next_expected_at ? span(Math.round((Date.parse(status.next_expected_at) - serverTime()) / 1000)) : null
  if (wait && wait.count > 0) return t('console.status.healthy_next', { name, time, wait: t(wait.key, { count: wait.count }) })
  return t(status.state === 'silent' ? 'console.status.silent_text' : 'console.status.healthy_text', { name, time })
}

function Count({ value, word }: { value: number; word: string }) {
  const { language } = useT()
  return (
    <div className="flex flex-row-reverse items-baseline gap-1.5">
      <dt className="text-muted">{word}</dt>
      <dd className="text-lg font-semibold tabular-nums">{new Intl.NumberFormat(language).format(value)}</dd>
    </div>
  )
}

function Connection({ directory }: { directory: Directory }) {
  const { t } = useT()
  return (
    <div className="space-y-5 p-6 max-cards:p-5">
      <CopyField label={t('console.idp.tenant_url')} value={directory.tenant_url} />
      <details className="group">
        <summary className="w-fit rounded-sm text-sm font-medium text-accent">{t('console.idp.strict')}</summary>
        <div className="mt-4 border-l-2 border-line pl-4">
          <p className="mb-3 text-sm text-muted">{t('console.idp.strict_hint')}</p>
          <CopyField label={t('console.idp.strict_url')} value={directory.tenant_url_strict} />
        </div>
      </details>
    </div>
  )
}

function View({ directory, regenerate }: { directory: Directory; regenerate: () => void }) {
  const { t } = useT()
  const view = useViewToken(directory)
  const live = directory.token !== null && directory.token.state === 'active'
  return (
    <div className="border-t border-line p-6 max-cards:p-5">
      {!directory.token && <Notice tone="warn" className="mb-5">{t(directory.can.regenerate ? 'console.idp.no_token' : 'console.idp.no_token_ask')}</Notice>}
      <div className="flex flex-wrap items-center justify-between gap-x-8 gap-y-4 max-cards:flex-col max-cards:items-stretch">
        <Phone phone={directory.phone} />
        <div className="flex flex-wrap gap-3 max-cards:flex-col max-cards:items-stretch">
          {directory.can.view && live && (
            <Button look="primary" className="px-5" onClick={() => void view()}><Icon name="key" className="size-4.5" />{t('console.idp.view')}</Button>
          )}
          {directory.can.regenerate && <Button look={live ? 'secondary' : 'primary'} onClick={regenerate}>{t('console.idp.regenerate')}</Button>}
          {directory.can.ask && <Button look={live ? 'secondary' : 'primary'} onClick={regenerate}>{t('console.idp.ask')}</Button>}
          <ButtonLink to="/settings/directory/log">{t('console.health.to_log')}</ButtonLink>
        </div>
      </div>
      {directory.can.ask && <p className="mt-4 text-sm text-muted">{t('console.idp.regenerate_who')}</p>}
    </div>
  )
}

function Phone({ phone }: { phone: Directory['phone'] }) {
  const { t } = useT()
  return (
    <p className="flex min-w-0 flex-1 items-start gap-2.5 text-sm">
      <Icon name={phone.ready && phone.push !== false ? 'phone' : 'warn'} className={`size-5 ${phone.ready && phone.push !== false ? 'text-good' : 'text-warn'}`} />
      <span className="min-w-0 [overflow-wrap:anywhere]">
        {phone.ready ? (
          <>
            <strong className="font-semibold">{t('console.idp.phone_ready')}</strong>
            {phone.name && <> · <bdi>{phone.name}</bdi></>}
            <span className="text-muted"><Reached phone={phone} /></span>
            {phone.push === false && <span className="block text-warn">{t('console.idp.phone_no_push')}</span>}
          </>
        ) : <><strong className="font-semibold">{t('console.idp.phone_none')}</strong> <span className="text-muted">{t('console.idp.phone_none_hint')}</span></>}
      </span>
    </p>
  )
}

/** When the phone last took a push; else when it was last heard of. */
function Reached({ phone }: { phone: Directory['phone'] }) {
  if (phone.delivered_at) return <> · <Rich k="console.idp.phone_delivered" parts={{ time: <Time short at={phone.delivered_at} /> }} /></>
  return phone.last_seen ? <> · <Rich k="console.idp.phone_seen" parts={{ time: <Time short at={phone.last_seen} /> }} /></> : null
}
