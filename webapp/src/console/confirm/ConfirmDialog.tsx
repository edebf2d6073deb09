// The dialog "Confirm your identity to continue": draws the view of one question.

import { useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { clock, countdown, grouped, list, moment, spelled } from '../../shared/format'
import { errorText } from '../errors'
import { useT, type Key } from '../i18n'
import { PasskeyLeft, passkeysHere } from '../passkey'
import { sessionQuery } from '../session'
import { sessionEnd } from '../session-end'
import { Button, textLink } from '../ui/button'
import { Icon, type IconName } from '../ui/icons'
import { Modal, ModalActions } from '../ui/modal'
import { Rich, useNow } from '../ui/parts'
import { pairedHere } from '../workspace'
import { secondsLeft, shareLeft, type Ask, type AskView } from './ask'
import { deliveryLines, handsOut, needsHint, quorumLine, spokenWarning, waitLine, type DeliveryLine, type Tone, type WaitLine } from './wait-lines'

interface Props {
  ask: Pick<Ask<unknown>, 'view' | 'subscribe' | 'start' | 'resume' | 'resend' | 'passkey'>
  after: Key
  leave: () => void
  pair: () => void
}

const open = new Set(['creating', 'waiting', 'collecting'])
/** Where somebody may find that their phone is gone. */
const withoutPhone = new Set(['waiting', 'expired', 'no_device', 'locked'])

export function ConfirmDialog({ ask, after, leave, pair }: Props) {
  const { t } = useT()
  const view = useSyncExternalStore(ask.subscribe, ask.view)
  const now = useNow(250).getTime()
  const title = t('console.confirm.title')
  const waiting = open.has(view.phase)
  useTitleCountdown(view, now, title)
  useSessionEnd(view, leave)
  const pending = view.phase === 'waiting'
  return (
    <Modal title={title} onCancel={leave} describedBy="confirm-line" ownRegions>
      <Happening view={view} now={now} />
      {pending && view.confirmation?.mode === 'code' && <Digits code={view.confirmation.code ?? ''} />}
      {waiting && view.confirmation && <TimeLeft view={view} now={now} />}
      {waiting && <p className="mt-5 text-sm text-muted">{t(after)}</p>}
      {pending && view.confirmation?.passkey && passkeysHere() && <Passkey ask={ask} view={view} />}
      <OtherWays view={view} leave={leave} />
      <ModalActions>
        <WayOn ask={ask} view={view} now={now} pair={pair} />
        <Button onClick={leave}>{t(waiting ? 'common.cancel' : 'common.close')}</Button>
      </ModalActions>
    </Modal>
  )
}

/** Ways past the phone that was thought of: it is here, another one, none at all. They stand before the buttons, in the order of the keyboard. */
function OtherWays({ view, leave }: { view: AskView; leave: () => void }) {
  const { t, language } = useT()
  const [others, setOthers] = useState(false)
  const devices = view.confirmation?.devices ?? []
  const waiting = view.phase === 'waiting'
  const here = useCompanionHere(waiting ? view.confirmation?.id : undefined)
  return (
    <div className="mt-4 flex flex-col items-start gap-2 text-sm empty:hidden">
      {here && <a href={here} target="_blank" rel="noopener" className="inline-flex min-h-11 w-full items-center justify-center gap-2 rounded-lg border border-edge px-4 text-base font-medium hover:bg-hover"><Icon name="phone" className="size-4.5" />{t('console.confirm.here')}</a>}
      {waiting && devices.length > 1 && <button type="button" aria-expanded={others} onClick={() => setOthers(!others)} className={`min-h-6 ${textLink}`}>{t('console.confirm.other_device')}</button>}
      {waiting && others && <p className="text-muted [overflow-wrap:anywhere]"><Rich k="console.confirm.other_text" parts={{ devices: <bdi>{list(devices.map((one) => one.name), language)}</bdi> }} /></p>}
      {withoutPhone.has(view.phase) && <Link to="/recovery" onClick={leave} className={textLink}>{t('console.lost.link')}</Link>}
      {view.phase === 'denied' && <Link to="/profile" onClick={leave} className={textLink}>{t('console.confirm.not_me')}</Link>}
    </div>
  )
}

/** The request's address in the companion where that may be on this very device: on a phone, or where it was paired from. */
function useCompanionHere(request: string | undefined): string | null {
  const companion = useQueryClient().getQueryData(sessionQuery.queryKey)?.companion_url
  if (!request || !companion || !(pairedHere() || window.matchMedia('(pointer: coarse)').matches)) return null
  return `${companion}/#c=${encodeURIComponent(request)}`
}

/** The document's title tells the state while another tab is in front. */
function useTitleCountdown(view: AskView, now: number, title: string): void {
  const left = view.phase === 'waiting' ? countdown(secondsLeft(view, now)) : ''
  useEffect(() => {
    const before = document.title
    return () => { document.title = before }
  }, [])
  useEffect(() => { document.title = left ? `(${left}) ${title}` : title }, [left, title])
}

function useSessionEnd(view: AskView, leave: () => void): void {
  const ended = useSyncExternalStore(sessionEnd.subscribe, sessionEnd.happened)
  useEffect(() => { if (view.phase === 'session') sessionEnd.report() }, [view.phase])
  // The dialog that asks to sign in again says the rest. A denial stays: a report ends the session, and the answer must not vanish with it.
  const denied = view.phase === 'denied'
  useEffect(() => { if (ended && !denied) leave() }, [ended, denied, leave])
}

// --- what is happening

const icons: Record<Tone, { icon: IconName; look: string }> = {
  wait: { icon: 'phone', look: 'bg-accent-soft text-accent' },
  good: { icon: 'tick', look: 'bg-good-soft text-good' },
  warn: { icon: 'warn', look: 'bg-warn-soft text-warn' },
  bad: { icon: 'stop', look: 'bg-bad-soft text-bad' },
  ended: { icon: 'clock', look: 'bg-hover text-muted' },
}

/** Both regions stand before text is put in; the line itself is what is spoken. */
function Happening({ view, now }: { view: AskView; now: number }) {
  const { t } = useT()
  const line = useCalmLine(waitLine(view))
  const { icon, look } = icons[line.tone]
  const text = <p data-testid="live-state"><LineText line={line} view={view} /></p>
  const lost = view.link === 'reconnecting' || view.link === 'offline'
  const hint = needsHint(view, now)
  return (
    <div className="mt-5 flex items-start gap-4">
      <span className={`grid size-10 shrink-0 place-items-center rounded-full border border-transparent ${look}`}><Icon name={icon} /></span>
      <div id="confirm-line" className="min-w-0 flex-1 self-center [overflow-wrap:anywhere]">
        <div role="alert">{line.urgent && text}</div>
        <div role="status" aria-atomic="false">
          {!line.urgent && text}
          <Spoken view={view} now={now} />
          <Approvals view={view} />
          <Deliveries view={view} />
          {hint && <p className="mt-2 text-sm text-muted">{t('console.wait.hint')}</p>}
          {lost && open.has(view.phase) && (
            <p className="mt-2 flex items-start gap-1.5 text-sm text-warn">
              <Icon name="warn" className="mt-0.5 size-4" />{t(view.link === 'offline' ? 'console.wait.offline' : 'console.wait.reconnecting')}
            </p>
          )}
        </div>
      </div>
    </div>
  )
}

/** How many of the admins that are needed have approved. */
function Approvals({ view }: { view: AskView }) {
  const { language } = useT()
  const line = quorumLine(view)
  if (!line) return null
  const values = { have: line.have, needed: line.needed }
  return <p className="mt-2" data-testid="quorum"><Rich k={line.key} values={values} parts={{ people: <bdi>{list(line.names, language)}</bdi> }} /></p>
}

/** What became of the request on each phone. */
function Deliveries({ view }: { view: AskView }) {
  const { t } = useT()
  const lines = deliveryLines(view)
  if (lines.length === 0) return null
  return (
    <ul className="mt-2 space-y-1 text-sm text-muted" aria-label={t('console.delivery.title')}>
      {lines.map((line) => (
        <li key={line.id} className={`flex items-start gap-1.5 ${line.trouble ? 'text-warn' : ''}`}>
          <Icon name={line.trouble ? 'warn' : 'phone'} className="mt-0.5 size-4 shrink-0" />
          <span className="min-w-0 [overflow-wrap:anywhere]"><DeliveryText line={line} /></span>
        </li>
      ))}
    </ul>
  )
}

function DeliveryText({ line }: { line: DeliveryLine }) {
  const { language } = useT()
  const time = line.at ? moment(new Date(line.at), new Date(), language) : ''
  return <Rich k={line.key} values={{ time, word: line.word ?? '' }} parts={{ device: <bdi>{line.name}</bdi> }} />
}

function LineText({ line, view }: { line: WaitLine; view: AskView }) {
  const { t, language } = useT()
  if (line.key === 'console.wait.failed') return <>{errorText(t, language, view.error)}</>
  const names = list(line.devices ?? [], language)
  const values = {
    time: line.at ? moment(new Date(line.at), new Date(), language) : clock(new Date(), language),
    count: line.count ?? 0,
    itsMe: t('common.itsMe'),
  }
  return <Rich k={line.key} values={values} parts={{ device: <bdi>{names}</bdi> }} />
}

/** The line, changing at most once a second unless it is urgent, so that none is cut off in speech. */
function useCalmLine(line: WaitLine): WaitLine {
  const [shown, setShown] = useState(line)
  const since = useRef(Date.now())
  const same = JSON.stringify(line) === JSON.stringify(shown)
  useEffect(() => {
    if (same) return
    const change = () => {
      since.current = Date.now()
      setShown(line)
    }
    const wait = line.urgent ? 0 : since.current + 1000 - Date.now()
    if (wait <= 0) return change()
    const timer = setTimeout(change, wait)
    return () => clearTimeout(timer)
  })
  return line.urgent ? line : shown
}

/** One minute, half a minute: spoken once each. */
function Spoken({ view, now }: { view: AskView; now: number }) {
  const { t } = useT()
  const [key, setKey] = useState<Key | null>(null)
  const left = view.phase === 'waiting' && view.confirmation ? secondsLeft(view, now) : 0
  const before = useRef(left)
  useEffect(() => {
    const warning = spokenWarning(before.current, left)
    before.current = left
    if (warning) setKey(warning)
  }, [left])
  return <span className="sr-only">{key && view.phase === 'waiting' ? t(key) : ''}</span>
}

/** The way past the phone, where the policy has one. It stands there from the first moment, so nothing moves when it is pressed. */
function Passkey({ ask, view }: { ask: Props['ask']; view: AskView }) {
  const { t, language } = useT()
  const error = view.passkeyError
  return (
    <div className="mt-4">
      <Button busy={view.proving} onClick={() => void ask.passkey()}><Icon name="key" className="size-4.5" />{t('console.confirm.passkey')}</Button>
      <div role="alert">{error !== null && <p className="mt-2 text-sm text-bad">{error instanceof PasskeyLeft ? t('console.passkeys.left') : errorText(t, language, error)}</p>}</div>
    </div>
  )
}

// --- the code and the time

function Digits({ code }: { code: string }) {
  const { t } = useT()
  return (
    <div className="mt-6 rounded-xl border border-line bg-sunken px-4 py-5 text-center">
      <p className="text-sm text-muted">{t('console.confirm.type_code')}</p>
      <p className="mt-1 text-5xl leading-tight font-semibold tracking-wider tabular-nums max-cards:text-[min(3rem,13vw)]">
        <span data-testid="match-code" aria-hidden="true" translate="no">{grouped(code)}</span>
        <span className="sr-only">{spelled(code)}</span>
      </p>
    </div>
  )
}

function TimeLeft({ view, now }: { view: AskView; now: number }) {
  const { t } = useT()
  const left = secondsLeft(view, now)
  const low = left <= 60
  return (
    <div className="mt-6">
      <div className="flex items-baseline justify-between text-sm">
        <span className="text-muted">{t('console.confirm.time_left')}</span>
        <span role="timer" data-testid="countdown" className={`font-medium tabular-nums ${low ? 'text-warn' : ''}`}>{countdown(left)}</span>
      </div>
      <div aria-hidden="true" className="mt-2 h-1 overflow-hidden rounded-full bg-hover">
        <div className={`countdown-bar h-full origin-left rounded-full transition-transform duration-300 ease-linear ${low ? 'bg-warn' : 'bg-accent-fill'}`} style={{ transform: `scaleX(${shareLeft(view, now)})` }} />
      </div>
    </div>
  )
}

// --- the ways on

const askAgain: Partial<Record<AskView['phase'], Key>> = {
  denied: 'common.tryAgain',
  limited: 'common.tryAgain',
  locked: 'common.tryAgain',
  unreachable: 'common.tryAgain',
  failed: 'common.tryAgain',
  refused: 'common.tryAgain',
  expired: 'console.confirm.send_again',
  cancelled: 'console.confirm.ask_again',
  consumed: 'console.confirm.ask_again',
}

/** The same button in the same place, whatever its name is: nothing new slips under a finger. */
function WayOn({ ask, view, now, pair }: { ask: Props['ask']; view: AskView; now: number; pair: () => void }) {
  const { t } = useT()
  const wait = Math.ceil((view.nextAt - now) / 1000)
  if (view.phase === 'no_device') return <Button look="primary" onClick={pair}>{t('console.pair.action')}</Button>
  if (view.phase === 'waiting') {
    if (view.resendRefused) return <p className="text-sm text-muted">{t('console.confirm.no_more')}</p>
    return <Later wait={wait} label={t('console.confirm.send_again')} busy={view.resending} run={() => void ask.resend()} />
  }
  const late = view.phase === 'expired' && view.confirmation?.reason === 'not_collected'
  const key = late ? 'console.confirm.ask_again' : askAgain[view.phase]
  if (!key || (view.phase === 'consumed' && !handsOut(view))) return null
  const again = () => (view.phase === 'refused' ? ask.resume() : void ask.start())
  const held = view.phase === 'denied' || view.phase === 'limited' || view.phase === 'locked'
  return <Later primary wait={held ? wait : 0} label={t(key)} run={again} />
}

/** A button that says how long it still waits. It keeps the focus while it does. */
function Later({ wait, label, run, busy = false, primary = false }: { wait: number; label: string; run: () => void; busy?: boolean; primary?: boolean }): ReactNode {
  const { t } = useT()
  const held = wait > 0
  return (
    <Button look={primary ? 'primary' : 'secondary'} busy={busy} aria-disabled={held} onClick={() => { if (!held) run() }} className="tabular-nums">
      {held ? t('console.confirm.label_in', { label, wait: wait >= 90 ? t('console.confirm.minutes', { count: Math.ceil(wait / 60) }) : `${wait} s` }) : label}
    </Button>
  )
}
