// "I can't use my phone": the ways back, in the order in which they should be tried.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react'
import type { Device, Recovery, RecoveryRequest } from '../../shared/types'
import { api } from '../api'
import { errorText, hasCode } from '../errors'
import { useT, type Key } from '../i18n'
import { usePairing } from '../pairing/open'
import { keyOf, mayConfigure, useSession } from '../session'
import { useFresh } from '../shell/Reauth'
import { useAnnounce } from '../ui/announce'
import { Button, ButtonLink } from '../ui/button'
import { Field, SelectField } from '../ui/field'
import { Notice } from '../ui/notice'
import { Card, Rich, Time } from '../ui/parts'

/** A permission to pair that is there already comes before every other way. */
export function Lost({ recovery, phones }: { recovery: Recovery; phones: Device[] }) {
  const { t } = useT()
  if (recovery.pair_until) return <PairNow until={recovery.pair_until} />
  const open = recovery.request?.state === 'open' ? recovery.request : undefined
  return (
    <>
      {recovery.request && !open && <Ended request={recovery.request} />}
      {open && <Waiting request={open} />}
      <Way title={t('console.lost.other')}>
        <p className="text-muted">{t(phones.length > 0 ? 'console.lost.other_text' : 'console.lost.other_none')}</p>
        {phones.length > 0 && (
          <>
            <ul className="mt-3 list-disc pl-5">{phones.map((phone) => <li key={phone.id}><bdi className="[overflow-wrap:anywhere]">{phone.name}</bdi></li>)}</ul>
            <ButtonLink to="/profile" className="mt-4">{t('console.lost.to_devices')}</ButtonLink>
          </>
        )}
      </Way>
      <Way title={t('console.lost.passkey')}><Passkey /></Way>
      <Way title={t('console.lost.code')}><UseCode left={recovery.codes.left} /></Way>
      <Way title={t('console.lost.colleague')}><Ask recovery={recovery} asking={open !== undefined} /></Way>
      <Way title={t('console.lost.operator')}><p className="text-muted">{t('console.lost.operator_text')}</p></Way>
    </>
  )
}

function Way({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card className="mb-5 p-6 max-cards:p-5">
      <h2 className="mb-2 text-lg font-semibold">{title}</h2>
      {children}
    </Card>
  )
}

/** One call at a time, with a fresh sign-in where the service wants one; what it changed is read again. `limited` says what too many of them mean. */
function useSend(limited?: Key) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const fresh = useFresh()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  async function send<T>(call: () => Promise<T>): Promise<T | null> {
    if (busy) return null
    setBusy(true)
    setFailure(null)
    let done: T | null = null
    try {
      done = await fresh(call)
    } catch (error) {
      setFailure(limited && hasCode(error, 'rate_limited') ? t(limited) : errorText(t, language, error))
    }
    setBusy(false)
    await queries.invalidateQueries({ queryKey: keyOf(session) })
    return done
  }
  return { busy, failure, send }
}

/** Confirms in place of the phone where the rules allow it; only who may configure confirms anything that takes one. */
function Passkey() {
  const { t } = useT()
  const session = useSession()
  const admin = mayConfigure(session)
  const passkeys = useQuery({ queryKey: keyOf(session, 'passkeys'), queryFn: () => api.passkeys() })
  const policy = useQuery({ queryKey: keyOf(session, 'policy'), queryFn: api.policy, enabled: admin })
  if (passkeys.data?.items.length === 0) return <p className="text-muted">{t('console.lost.passkey_none')}</p>
  if (admin && policy.data && !policy.data.passkeys) return <p className="text-muted">{t('console.lost.passkey_off')}</p>
  return (
    <>
      <p className="text-muted">{t('console.lost.passkey_use')}</p>
      {admin && <ButtonLink to="/settings/workspace/idp" className="mt-4">{t('console.lost.passkey_go')}</ButtonLink>}
    </>
  )
}

function UseCode({ left }: { left: number }) {
  const { t } = useT()
  const announce = useAnnounce()
  const { busy, failure, send } = useSend('console.lost.code_paused')
  const [code, setCode] = useState('')
  const [missing, setMissing] = useState(false)
  async function submit(event: FormEvent) {
    event.preventDefault()
    if (!code.trim()) return setMissing(true)
    const used = await send(() => api.useRecoveryCode(code))
    if (used) announce(t('console.lost.granted'))
  }
  if (left === 0) return <p className="text-muted">{t('console.lost.code_none')}</p>
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <p className="mb-4 text-muted">{t('console.lost.code_text')}</p>
      <Field
        label={t('console.lost.code_label')} error={missing ? t('console.required') : null} className="font-mono" autoComplete="off" autoCapitalize="characters" spellCheck={false}
        value={code} onChange={(event) => { setCode(event.target.value); setMissing(false) }}
      />
      {failure && <Notice tone="bad" alert className="mt-4">{failure}</Notice>}
      <Button type="submit" look="primary" busy={busy} className="mt-4">{t('console.lost.code_use')}</Button>
    </form>
  )
}

function Ask({ recovery, asking }: { recovery: Recovery; asking: boolean }) {
  const { t } = useT()
  const { busy, failure, send } = useSend()
  const [approver, setApprover] = useState(recovery.approvers[0]?.id ?? '')
  const [note, setNote] = useState('')
  if (recovery.approvers.length === 0) return <p className="text-muted">{t('console.lost.nobody')}</p>
  async function submit(event: FormEvent) {
    event.preventDefault()
    await send(() => api.askColleague(approver, note))
  }
  return (
    <form onSubmit={(event) => void submit(event)} noValidate className="space-y-4">
      <p className="text-muted">{t('console.lost.colleague_text')}</p>
      <SelectField label={t('console.lost.whom')} value={approver} onChange={(event) => setApprover(event.target.value)}>
        {recovery.approvers.map((person) => <option key={person.id} value={person.id}>{person.name}</option>)}
      </SelectField>
      <Field label={t('console.lost.note')} hint={t('console.lost.note_hint')} maxLength={200} value={note} onChange={(event) => setNote(event.target.value)} />
      {failure && <Notice tone="bad" alert>{failure}</Notice>}
      <Button type="submit" busy={busy}>{t(asking ? 'console.lost.ask_again' : 'console.lost.ask')}</Button>
    </form>
  )
}

/** The words to read out, and whether the colleague has answered; the page asks again by itself. */
function Waiting({ request }: { request: RecoveryRequest }) {
  const { t } = useT()
  const { busy, failure, send } = useSend()
  return (
    <Card className="mb-5 border-accent p-6 max-cards:p-5">
      <h2 className="text-lg font-semibold"><Rich k="console.lost.waiting" parts={{ approver: <bdi>{request.approver.name}</bdi> }} /></h2>
      {request.own && request.words
        ? (
          <>
            <p className="mt-2 text-muted"><Rich k="console.lost.call" parts={{ approver: <bdi className="text-ink">{request.approver.name}</bdi> }} /></p>
            <p className="my-5 rounded-xl border border-line bg-sunken px-4 py-5 text-center text-3xl font-semibold [overflow-wrap:anywhere] max-cards:text-2xl" translate="no" lang="en">{request.words}</p>
          </>
        )
        : <Notice tone="warn" className="mt-3">{t('console.lost.elsewhere')}</Notice>}
      <p className="text-sm text-muted" role="status">{t(request.compared ? 'console.lost.compared' : 'console.lost.not_compared')}</p>
      <p className="mt-1 text-sm text-muted"><Rich k="console.lost.until" parts={{ time: <Time at={request.expires_at} /> }} /></p>
      {failure && <Notice tone="bad" alert className="mt-4">{failure}</Notice>}
      <Button busy={busy} className="mt-4" onClick={() => void send(() => api.cancelRecovery(request.id))}>{t('console.lost.take_back')}</Button>
    </Card>
  )
}

const endings: Record<string, Key> = {
  approved: 'console.lost.was_approved',
  refused: 'console.lost.was_refused',
  cancelled: 'console.lost.was_cancelled',
  expired: 'console.lost.was_expired',
}

function Ended({ request }: { request: RecoveryRequest }) {
  const differ = request.reason === 'words_differ'
  const key = differ ? 'console.lost.was_other_words' : endings[request.state]
  if (!key) return null
  return (
    <Notice tone={request.state === 'refused' ? 'bad' : 'info'} className="mb-5">
      <Rich k={key} parts={{ approver: <bdi>{request.approver.name}</bdi> }} />
    </Notice>
  )
}

function PairNow({ until }: { until: string }) {
  const { t } = useT()
  const pair = usePairing()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  return (
    <Card className="p-6 max-cards:p-5">
      <h2 ref={heading} tabIndex={-1} className="text-lg font-semibold">{t('console.lost.granted')}</h2>
      <p className="mt-2 text-muted"><Rich k="console.lost.granted_text" parts={{ time: <Time at={until} /> }} /></p>
      <Button look="primary" className="mt-5" onClick={() => void pair()}>{t('console.pair.action')}</Button>
    </Card>
  )
}
