// The inside of "Pair your phone": picture, code, address, and what happens on
// the phone. The dialog and the first run both show it.

import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { countdown, grouped, spelled } from '../../shared/format'
import type { PairingStart } from '../../shared/types'
import { api } from '../api'
import { errorText } from '../errors'
import { serverTime } from '../server-clock'
import { useT } from '../i18n'
import { useAnnounce } from '../ui/announce'
import { Button, textLink } from '../ui/button'
import { Copied, useCopy } from '../ui/copy'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'
import { Rich, Skeleton, useNow } from '../ui/parts'
import { notePairedHere } from '../workspace'
import { PairingWatch } from './pair'

const Qr = lazy(() => import('./Qr'))

interface Props {
  start: PairingStart
  companionUrl: string
  /** Asks for a new code. */
  renew: () => void
  /** The phone is paired and active. */
  paired: (device: string) => void
  /** Whether a phone has answered the code and is being compared. */
  found?: (there: boolean) => void
}

export function PairPanel({ start, companionUrl, renew, paired, found }: Props) {
  const watch = useWatch(start)
  if (!watch) return <Skeleton lines={6} className="mt-6" />
  return <Watched key={start.id} watch={watch} companionUrl={companionUrl} renew={renew} paired={paired} found={found} />
}

function useWatch(start: PairingStart): PairingWatch | null {
  const [watch, setWatch] = useState<PairingWatch | null>(null)
  useEffect(() => {
    const next = new PairingWatch({
      get: api.pairing,
      match: api.match,
      timers: { set: (run, ms) => setTimeout(run, ms), clear: (timer) => clearTimeout(timer as number | undefined) },
      random: () => Math.random(),
      now: () => Date.now(),
    }, start)
    setWatch(next)
    return () => next.stop()
  }, [start])
  return watch
}

function Watched({ watch, companionUrl, renew, paired, found }: { watch: PairingWatch } & Omit<Props, 'start'>) {
  const { t, language } = useT()
  const view = useSyncExternalStore(watch.subscribe, watch.view)
  const now = useNow(500).getTime()
  const announce = useAnnounce()
  const left = (Date.parse(view.start.expires_at) - serverTime(now)) / 1000
  const over = view.state === 'expired' || (view.state === 'open' && left <= 0)
  useEffect(() => { if (view.state === 'active') paired(view.device ?? '') }, [view.state, view.device, paired])
  const there = view.state === 'claimed' || view.state === 'matched'
  useEffect(() => found?.(there), [there, found])
  useEffect(() => { if (over) announce(t('console.pair.expired'), true) }, [over, announce, t])
  if (view.state === 'active') return <Notice tone="good" alert className="mt-6">{t('console.pair.paired', { device: view.device ?? '' })}</Notice>
  if (over) return <Ended text={t('console.pair.expired')} renew={renew} />
  if (view.state === 'refused') return <Ended text={t('console.pair.refused')} renew={renew} />
  return (
    <>
      {view.state === 'open' && <Ways start={view.start} companionUrl={companionUrl} left={left} />}
      <div role="status" className="mt-6">
        {view.state === 'open' && <Waiting>{t('console.pair.waiting')}</Waiting>}
        {view.state === 'matched' && <Waiting>{t('console.pair.finishing', { device: view.device ?? '' })}</Waiting>}
        {view.state === 'claimed' && <Question watch={watch} device={view.device ?? ''} sas={view.sas ?? ''} busy={view.answering} />}
        {view.lost && <p className="mt-3 flex items-start gap-1.5 text-sm text-warn"><Icon name="warn" className="mt-0.5 size-4" />{t('console.pair.lost')}</p>}
      </div>
      {view.error !== null && <Notice tone="bad" alert className="mt-4">{errorText(t, language, view.error)}</Notice>}
    </>
  )
}

function Ended({ text, renew }: { text: string; renew: () => void }) {
  const { t } = useT()
  return (
    <div className="mt-6">
      <Notice tone="warn">{text}</Notice>
      <Button look="primary" className="mt-4" onClick={renew}>{t('console.pair.new_code')}</Button>
    </div>
  )
}

function Waiting({ children }: { children: ReactNode }) {
  return (
    <p className="flex items-center gap-2.5 text-muted">
      <span aria-hidden="true" className="breathe size-2 shrink-0 rounded-full bg-accent-fill" />
      <span className="min-w-0 [overflow-wrap:anywhere]">{children}</span>
    </p>
  )
}

/** The three ways to the phone: picture, code, and this device itself. */
function Ways({ start, companionUrl, left }: { start: PairingStart; companionUrl: string; left: number }) {
  const { t } = useT()
  const code = useRef<HTMLElement>(null)
  const { copy, copied, failed, failure } = useCopy(t('console.pair.code_copied'))
  const select = () => { if (code.current) window.getSelection()?.selectAllChildren(code.current) }
  return (
    <div className="mt-6 grid gap-6 cards:grid-cols-[14rem_1fr]">
      <div className="mx-auto w-56 max-w-full self-start rounded-xl border border-line bg-white p-1 max-cards:order-last">
        <Suspense fallback={<div className="aspect-square w-full" />}><Qr text={start.link} label={t('console.pair.qr_alt')} /></Suspense>
      </div>
      <div className="min-w-0 space-y-5">
        <p className="text-muted">{t('console.pair.how')}</p>
        <a href={start.link} target="_blank" rel="noopener noreferrer" onClick={notePairedHere} className="flex min-h-11 items-center justify-center rounded-lg bg-accent-fill px-4 font-medium text-on-accent cards:hidden">{t('console.pair.this_device')}</a>
        <div>
          <p className="text-sm font-medium">{t('console.pair.address')}</p>
          <a href={companionUrl} target="_blank" rel="noopener noreferrer" translate="no" className={`font-mono text-sm [overflow-wrap:anywhere] ${textLink}`}>{companionUrl}</a>
        </div>
        <div>
          <p className="text-sm font-medium">{t('console.pair.code')}</p>
          <div className="mt-0.5 flex flex-wrap items-center gap-3">
            <code ref={code} translate="no" className="font-mono text-xl font-semibold tracking-wide">{start.code}</code>
            <Button onClick={(event) => void copy(start.code, event.currentTarget, select)}><Icon name="copy" className="size-4" />{t('common.copy')}</Button>
            <Copied shown={copied} />
          </div>
          {failed && <Notice tone="warn" alert className="mt-3">{failure}</Notice>}
        </div>
        <p className="text-sm text-muted">
          <Rich k="console.pair.valid" parts={{ time: <span role="timer" data-testid="countdown" className="font-medium text-ink tabular-nums">{countdown(left)}</span> }} />
        </p>
      </div>
    </div>
  )
}

function Question({ watch, device, sas, busy }: { watch: PairingWatch; device: string; sas: string; busy: boolean }) {
  const { t } = useT()
  const digits = (
    <strong className="font-semibold">
      <span aria-hidden="true" data-testid="match-code" className="text-3xl tracking-wide whitespace-nowrap tabular-nums">{grouped(sas)}</span>
      <span className="sr-only">{spelled(sas)}</span>
    </strong>
  )
  return (
    <div className="rounded-xl border border-line bg-sunken p-5">
      <p className="text-lg [overflow-wrap:anywhere]"><Rich k="console.pair.question" parts={{ device: <bdi>{device}</bdi>, code: digits }} /></p>
      <div className="mt-5 flex flex-wrap gap-3 max-cards:flex-col">
        <Button look="primary" busy={busy} onClick={() => void watch.answer(true)}>{t('console.pair.match')}</Button>
        <Button aria-disabled={busy} onClick={() => void watch.answer(false)}>{t('console.pair.no_match')}</Button>
      </div>
    </div>
  )
}
