// The dialog "Show Token". The value is put into the field by hand and never
// into markup, so that neither the page's source nor its history holds it.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useCallback, useEffect, useId, useLayoutEffect, useRef, useState, useSyncExternalStore } from 'react'
import { dateTime, day, moment, utc } from '../../shared/format'
import type { Revealed } from '../../shared/types'
import { api } from '../api'
import { useT, type Key } from '../i18n'
import { keyOf, useSession } from '../session'
import { sessionEnd } from '../session-end'
import { useAnnounce } from '../ui/announce'
import { Button, textLink } from '../ui/button'
import { Copied, CopyField, useCopy } from '../ui/copy'
import { Icon } from '../ui/icons'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Rich, Time } from '../ui/parts'
import { guardToken, isShown, type Loss } from './guard'
import { masked, type Secret } from './secret'
import { Steps } from './Troubles'

/** The person has just confirmed who they are in order to see it. */
const tokenVisibleOnOpen = true

const hideAfterMs = 60_000

export type RevealedInfo = Omit<Revealed, 'token'>

interface Props {
  secret: Secret
  info: RevealedInfo
  confirmationId: string
  tokenId: string | null
  by?: string | null
  lastUsedAt?: string | null
  /** It has just been made: the way into the identity provider is shown as well. */
  renewed?: boolean
  /** The provider's name, as its calls told. */
  client?: string
  /** `again`: a newer token is to be viewed. */
  close: (how: 'again' | null) => void
}

export function ShowToken(props: Props) {
  const { t } = useT()
  const [loss, setLoss] = useState<Loss | null>(null)
  const { secret, confirmationId, tokenId, close } = props
  const { hint } = props.info
  const lose = useCallback((found: Loss) => {
    secret.wipe()
    setLoss(found)
    if (found.why === 'session') sessionEnd.report()
  }, [secret])
  useGuard(tokenId, hint, lose)
  const ended = useSyncExternalStore(sessionEnd.subscribe, sessionEnd.happened)
  useEffect(() => {
    if (!ended) return
    secret.wipe()
    close(null)
  }, [ended, secret, close])
  const leave = useCallback(() => {
    api.tokenEvent(confirmationId, 'closed')
    close(null)
  }, [confirmationId, close])
  const again = () => {
    api.tokenEvent(confirmationId, 'closed')
    close('again')
  }
  return (
    <Modal title={t('console.token.title')} onCancel={leave} wide>
      {loss === null ? <Value {...props} leave={leave} /> : <Lost loss={loss} hint={hint} />}
      <div className="max-cards:order-2">
        <ModalActions>
          {loss?.why === 'replaced' && <Button look="primary" onClick={again}>{t('console.token.view_new')}</Button>}
          <Button onClick={leave}>{t('common.close')}</Button>
        </ModalActions>
      </div>
    </Modal>
  )
}

/** Looks after session and token while mounted, and at once when the tab comes back to the front. */
function useGuard(id: string | null, hint: string, lose: (loss: Loss) => void): void {
  useEffect(() => {
    const guard = guardToken({
      session: (signal) => api.session({ signal, background: true, timeout: 5000 }),
      directory: (signal) => api.directory({ signal, background: true, quiet: true, timeout: 5000 }),
      every: (run, ms) => {
        const timer = setInterval(run, ms)
        return () => clearInterval(timer)
      },
    }, { id, hint }, lose)
    const shown = () => { if (document.visibilityState === 'visible') guard.check() }
    document.addEventListener('visibilitychange', shown)
    return () => {
      document.removeEventListener('visibilitychange', shown)
      guard.stop()
    }
  }, [id, hint, lose])
}

const losses: Record<Loss['why'], Key> = {
  session: 'console.token.session_ended',
  revoked: 'console.token.revoked',
  replaced: 'console.token.replaced',
  expired: 'console.token.has_expired',
  forbidden: 'console.token.forbidden',
}

/** The field is gone, and the sentence says why. */
function Lost({ loss, hint }: { loss: Loss; hint: string }) {
  const { t, language } = useT()
  const time = (at: string) => moment(new Date(at), new Date(), language)
  const who: { by?: string; at?: string } = loss.why === 'revoked' || loss.why === 'replaced' ? loss : {}
  const named: Partial<Record<Loss['why'], Key>> = { revoked: 'console.token.revoked_by', replaced: 'console.token.replaced_by' }
  const key = who.by && who.at ? (named[loss.why] ?? losses[loss.why]) : losses[loss.why]
  return (
    <>
      <Notice tone={loss.why === 'replaced' ? 'warn' : 'bad'} alert className="mt-6"><Rich k={key} parts={{ person: <bdi>{who.by}</bdi>, time: who.at ? time(who.at) : '' }} /></Notice>
      {loss.why === 'replaced' && loss.until && <p className="mt-3 text-sm text-muted">{t('console.token.replaced_until', { hint: hint.replace(/^[….]+/, ''), time: time(loss.until) })}</p>}
    </>
  )
}

function Value({ secret, info, confirmationId, tokenId, by, lastUsedAt, renewed = false, client = '', leave }: Props & { leave: () => void }) {
  const { t } = useT()
  const announce = useAnnounce()
  const { visible, show, hide, why, keep, setKeep } = useMasking(confirmationId)
  const { copy, copied, failed, failure } = useCopy(t('console.token.copied'), 'token')
  const usedAt = useLastUse(tokenId, info.hint) ?? lastUsedAt
  const box = useRef<HTMLTextAreaElement>(null)
  const id = useId()
  useEffect(() => {
    // A moment after the dialog: a region that changes while it appears is often not spoken.
    const timer = setTimeout(() => announce(t('console.token.ready')), 200)
    return () => clearTimeout(timer)
  }, [announce, t])
  useEffect(() => {
    // The page may be kept for the Back button: it must not keep the token.
    const wipe = () => {
      secret.wipe()
      if (box.current) box.current.value = ''
      leave()
    }
    window.addEventListener('pagehide', wipe)
    return () => window.removeEventListener('pagehide', wipe)
  }, [secret, leave])
  useLayoutEffect(() => {
    if (box.current) box.current.value = visible ? secret.read() : masked(info.hint)
  }, [visible, secret, info.hint])
  const copyNow = (near: Element) => {
    // The selection has to hold the value for a hand that presses Ctrl+C.
    const select = () => {
      show()
      requestAnimationFrame(() => { box.current?.focus(); box.current?.select() })
    }
    void copy(secret.read(), near, select).then((ok) => { if (ok) api.tokenEvent(confirmationId, 'copied') })
  }
  return (
    <>
      <div className="mt-6 max-cards:contents">
        <label htmlFor={id} className="mb-1.5 block text-sm font-medium max-cards:mt-6">{t(info.previous ? 'console.token.new' : 'console.token.label')}</label>
        <textarea
          ref={box} id={id} data-testid="token-value" readOnly rows={1} tabIndex={-1} autoComplete="off" spellCheck={false} translate="no"
          className="field-sizing-content block min-h-11 w-full resize-none rounded-lg border border-edge bg-sunken px-3 py-2.5 font-mono text-sm [word-break:break-all]"
        />
        {/* On a phone these stand where the thumb is. */}
        <div className="mt-3 flex flex-wrap items-center gap-3 max-cards:sticky max-cards:bottom-0 max-cards:order-1 max-cards:mt-auto max-cards:flex-col max-cards:items-stretch max-cards:bg-raised max-cards:pt-5 max-cards:pb-1">
          <Button look="primary" onClick={(event) => copyNow(event.currentTarget)}><Icon name="copy" className="size-4" />{t('common.copy')}</Button>
          <Button aria-pressed={visible} aria-controls={id} onClick={visible ? hide : show}>
            <Icon name={visible ? 'eyeOff' : 'eye'} className="size-4" />{t(visible ? 'console.token.hide' : 'console.token.show')}
          </Button>
          <Copied shown={copied} />
        </div>
        {failed && <Notice tone="warn" alert className="mt-3">{failure}</Notice>}
        {why && !visible && (
          <p className="mt-2 text-sm text-muted">
            {t(why === 'idle' ? 'console.token.remasked' : 'console.token.remasked_tab')}{' '}
            <button type="button" onClick={show} className={`min-h-6 ${textLink}`}>{t('console.token.show')}</button>
          </p>
        )}
        <label className="mt-4 flex w-fit items-center gap-3 text-sm">
          <input type="checkbox" role="switch" className="switch" checked={keep} onChange={(event) => setKeep(event.target.checked)} />
          {t('console.token.keep')}
        </label>
      </div>
      {info.previous?.valid_until && <Old hint={info.previous.hint} until={info.previous.valid_until} />}
      {renewed && (
        <section className="mt-6 border-t border-line pt-6">
          <h3 className="font-semibold">{t('console.token.next')}</h3>
          <Steps client={client} first="console.steps.copy_above" />
        </section>
      )}
      <div className="mt-6 border-t border-line pt-6">
        <CopyField label={t('console.idp.tenant_url')} value={info.tenant_url} />
      </div>
      <Notice tone="info" className="mt-6"><strong className="font-semibold">{t('console.token.tip_label')}</strong> {t('console.token.tip')}</Notice>
      <Meta info={info} by={by} lastUsedAt={usedAt} />
      <p className="mt-3 text-sm"><Link to="/settings/directory/setup" onClick={leave} className={textLink}>{t('console.dir.set_up')}</Link></p>
    </>
  )
}

/** The old token of an overlap: how long it works; its value is not here. */
function Old({ hint, until }: { hint: string; until: string }) {
  const { t, language } = useT()
  const id = useId()
  return (
    <div className="mt-6">
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.token.old', { time: dateTime(new Date(until), language) })}</label>
      <input id={id} readOnly tabIndex={-1} value={masked(hint)} translate="no"
        className="block min-h-11 w-full rounded-lg border border-edge bg-sunken px-3 py-2.5 font-mono text-sm text-muted" />
    </div>
  )
}

/** When the token was used last, as the page below has it: this dialog may stay open for hours. */
function useLastUse(id: string | null, hint: string): string | null | undefined {
  const session = useSession()
  const { data } = useQuery({ queryKey: keyOf(session, 'directory'), queryFn: () => api.directory(), enabled: false })
  return data?.tokens.find((one) => isShown(one, { id, hint }))?.last_used_at
}

function Meta({ info, by, lastUsedAt }: { info: RevealedInfo; by?: string | null; lastUsedAt?: string | null }) {
  const { t, language } = useT()
  return (
    <p className="mt-5 text-sm text-muted [overflow-wrap:anywhere]">
      <Rich k={by ? 'console.token.created_by' : 'console.token.created'} parts={{ time: <time dateTime={info.created_at} title={utc(new Date(info.created_at))}>{day(new Date(info.created_at), language)}</time>, person: <bdi>{by}</bdi> }} />
      {' · '}
      {info.expires_at ? <Rich k="console.token.expires" parts={{ time: <Time at={info.expires_at} /> }} /> : t('console.token.never_expires')}
      {' · '}
      {lastUsedAt ? <Rich k="console.token.last_used" parts={{ time: <Time short at={lastUsedAt} /> }} /> : t('console.token.never_used')}
    </p>
  )
}

/** Shown or hidden: hides after a minute without activity and with the tab, unless it is kept visible. */
function useMasking(confirmationId: string) {
  const [visible, setVisible] = useState(tokenVisibleOnOpen)
  const [why, setWhy] = useState<Leaving | null>(null)
  const [keep, setKeep] = useState(false)
  useEffect(() => {
    if (visible) api.tokenEvent(confirmationId, 'shown')
  }, [visible, confirmationId])
  const conceal = useCallback((reason: Leaving | null) => {
    setWhy(reason)
    setVisible(false)
    api.tokenEvent(confirmationId, 'hidden')
  }, [confirmationId])
  useEffect(() => {
    if (!visible || keep) return
    return whenLeft(conceal)
  }, [visible, keep, conceal])
  return { visible, why, keep, setKeep, show: () => setVisible(true), hide: () => conceal(null) }
}

type Leaving = 'idle' | 'tab'

/** Runs after a minute without input here, or when the tab is hidden. */
function whenLeft(run: (why: Leaving) => void): () => void {
  const start = () => setTimeout(() => run('idle'), hideAfterMs)
  let timer = start()
  const restart = () => {
    clearTimeout(timer)
    timer = start()
  }
  const hidden = () => { if (document.visibilityState === 'hidden') run('tab') }
  const signs = ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart'] as const
  for (const sign of signs) window.addEventListener(sign, restart, { passive: true })
  document.addEventListener('visibilitychange', hidden)
  return () => {
    clearTimeout(timer)
    for (const sign of signs) window.removeEventListener(sign, restart)
    document.removeEventListener('visibilitychange', hidden)
  }
}
