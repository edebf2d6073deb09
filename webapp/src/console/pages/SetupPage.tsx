// First run: a fresh service becomes a workspace with its Owner, a phone and recovery codes, in five steps.

import { getRouteApi, useRouter } from '@tanstack/react-router'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react'
import type { Session } from '../../shared/types'
import { api } from '../api'
import { errorText, hasCode } from '../errors'
import { useT, type Key } from '../i18n'
import { PasskeyLeft } from '../passkey'
import { sessionQuery, SessionContext } from '../session'
import { useTitle } from '../shell/title'
import { Button, ButtonLink } from '../ui/button'
import { Field, toFirstMistake } from '../ui/field'
import { Front } from '../ui/front'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'
import { usePasswordPair } from '../ui/password'
import { chooseSlug, keepSetupDraft, lateStep, setLateStep, showFirstSteps, type LateStep } from '../workspace'
import { ownersPasskey, OwnerWay, type Way } from './OwnerWay'
import { SetupChecks } from './SetupChecks'
import { CodesStep, PhoneStep } from './SetupPhone'
import { missing, readDraft, slugOf, writeDraft, type Draft, type Named } from './setup-draft'

const route = getRouteApi('/setup')

export function SetupPage() {
  const { t } = useT()
  const { setup, session: known } = route.useLoaderData()
  const [session, setSession] = useState<Session | null>(known && lateStep() ? known : null)
  useTitle(t('console.setup.title'))
  if (session) return <SessionContext value={session}><Late session={session} /></SessionContext>
  if (setup.needed) return <Claims claimed={setSession} />
  return (
    <Front title={t('console.setup.done_title')} lead={t('console.error.already_set_up')}>
      <ButtonLink to="/" look="primary" className="w-full">{t('console.signin.action')}</ButtonLink>
    </Front>
  )
}

/** The steps that need somebody who is signed in: the phone, then the codes. */
function Late({ session }: { session: Session }) {
  const { t } = useT()
  const router = useRouter()
  const [step, setStep] = useState<LateStep>(() => lateStep() ?? 'phone')
  const go = (next: LateStep) => { setLateStep(next); setStep(next) }
  const finish = () => {
    setLateStep(null)
    showFirstSteps(session.workspace.slug)
    void router.navigate({ to: '/settings/workspace/idp' })
  }
  const phone = step === 'phone'
  return (
    <Step key={step} number={phone ? 3 : 4} title={t(phone ? 'console.setup.phone_title' : 'console.setup.codes_title')} lead={t(phone ? 'console.setup.phone_lead' : 'console.codes.why')}>
      {phone ? <PhoneStep session={session} paired={() => go('codes')} skip={finish} /> : <CodesStep finish={finish} />}
    </Step>
  )
}

const steps: Key[] = ['console.setup.step_claim', 'console.setup.step_workspace', 'console.setup.step_owner', 'console.setup.step_phone', 'console.setup.step_codes']

/** One step with the list of all; its heading has the focus first. */
function Step({ number, title, lead, children }: { number: number; title: string; lead: string; children: ReactNode }) {
  const { t } = useT()
  const at = useRef<HTMLOListElement>(null)
  useEffect(() => { at.current?.closest('main')?.querySelector<HTMLElement>('h1')?.focus() }, [])
  return (
    <Front wide title={title} lead={lead}>
      <ol ref={at} aria-label={t('console.setup.steps')} className="mb-8 flex flex-wrap gap-x-4 gap-y-3 border-b border-line pb-6">
        {steps.map((key, i) => (
          <li key={key} aria-current={i === number ? 'step' : undefined} className={`flex items-center gap-2 text-sm font-medium ${i === number ? '' : 'text-muted'}`}>
            <span aria-hidden="true" className={`grid size-6 shrink-0 place-items-center rounded-full border text-xs font-semibold ${i === number ? 'border-transparent bg-accent-fill text-on-accent' : 'border-edge'}`}>
              {i < number ? <Icon name="check" className="size-3.5" /> : i + 1}
            </span>
            {t(key)}
          </li>
        ))}
      </ol>
      {children}
    </Front>
  )
}

const heads: { title: Key; lead: Key; fields: readonly Named[] }[] = [
  { title: 'console.setup.title', lead: 'console.setup.lead', fields: ['code'] },
  { title: 'console.setup.workspace', lead: 'console.setup.workspace_lead', fields: ['workspace', 'slug'] },
  { title: 'console.setup.owner', lead: 'console.setup.owner_lead', fields: ['name', 'email'] },
]

const labels: Record<Named, Key> = {
  code: 'console.setup.code', workspace: 'console.setup.workspace_name', slug: 'console.setup.workspace_address', name: 'console.name', email: 'console.email',
}

/** The steps before there is a workspace: nothing is sent before the last of them. */
function Claims({ claimed }: { claimed: (session: Session) => void }) {
  const { t } = useT()
  const [draft, setDraft] = useState<Draft>(readDraft)
  const [checked, setChecked] = useState(false)
  const pair = usePasswordPair()
  const [way, setWay] = useState<Way>('password')
  const { busy, failure, codeError, send } = useClaim(claimed, () => go(0))
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }))
  const go = (step: number) => { setChecked(false); change({ step }) }
  useEffect(() => writeDraft(draft), [draft])
  const head = heads[draft.step] ?? heads[0]!
  const empty = missing(draft, head.fields)
  // After a wrong code everything else is there already: it is sent again from here.
  const last = draft.step === 2 || (draft.step === 0 && codeError !== null && missing(draft, ['workspace', 'slug', 'name', 'email']).length === 0 && (way === 'passkey' || pair.password !== ''))
  async function submit(event: FormEvent) {
    event.preventDefault()
    setChecked(true)
    const strong = !last || way === 'passkey' || pair.check()
    if (empty.length > 0 || !strong) return toFirstMistake(event.currentTarget)
    if (!last) return go(draft.step + 1)
    if (missing(draft, ['code']).length > 0) return go(0) // a reload keeps everything but the code
    await send(draft, way === 'passkey' ? null : pair.password)
  }
  const of = (field: Named) => ({ label: t(labels[field]), error: checked && empty.includes(field) ? t('console.required') : null })
  return (
    <Step key={draft.step} number={draft.step} title={t(head.title)} lead={t(head.lead)}>
      <form onSubmit={(event) => void submit(event)} noValidate className="space-y-5">
        {failure && <Notice tone="bad" alert>{failure}</Notice>}
        {checked && empty.length > 0 && <Notice tone="bad" alert>{t('console.setup.summary', { fields: empty.map((field) => t(labels[field])).join(', ') })}</Notice>}
        {draft.step === 0 && <CodeStep of={of('code')} wrong={codeError} value={draft.code} change={(code) => change({ code })} />}
        {draft.step === 1 && <WorkspaceStep of={of} draft={draft} change={change} />}
        {draft.step === 2 && <OwnerStep of={of} draft={draft} change={change}><OwnerWay way={way} choose={setWay} pair={pair} /></OwnerStep>}
        <div className="flex flex-wrap gap-3 pt-3">
          <Button look="primary" type="submit" busy={busy} className="flex-1">{t(last ? 'console.setup.action' : 'console.setup.next')}</Button>
          {draft.step > 0 && <Button onClick={() => go(draft.step - 1)}>{t('console.setup.previous')}</Button>}
        </div>
      </form>
    </Step>
  )
}

interface Labelled { label: string; error: string | null }
interface Part { of: (field: Named) => Labelled; draft: Draft; change: (part: Partial<Draft>) => void }

function CodeStep({ of, wrong, value, change }: { of: Labelled; wrong: string | null; value: string; change: (code: string) => void }) {
  const { t } = useT()
  const code = useRef<HTMLInputElement>(null)
  useEffect(() => { if (wrong) setTimeout(() => code.current?.focus()) }, [wrong]) // after the step's heading
  return (
    <Field
      ref={code} {...of} error={of.error ?? wrong} hint={t('console.setup.code_hint')} autoComplete="off" autoCapitalize="none" spellCheck={false}
      className="font-mono" value={value} onChange={(event) => change(event.target.value)}
    />
  )
}

function WorkspaceStep({ of, draft, change }: Part) {
  const { t } = useT()
  const slug = slugOf(draft)
  return (
    <>
      <Field {...of('workspace')} autoComplete="organization" placeholder="Acme" value={draft.workspace} onChange={(event) => change({ workspace: event.target.value })} />
      <Field
        {...of('slug')} hint={t('console.setup.workspace_address_hint', { address: `${location.host}/w/${slug || '…'}` })}
        autoCapitalize="none" spellCheck={false} value={slug} onChange={(event) => change({ slug: event.target.value })}
      />
      <SetupChecks />
    </>
  )
}

function OwnerStep({ of, draft, change, children }: Part & { children: ReactNode }) {
  return (
    <>
      <Field {...of('name')} autoComplete="name" value={draft.name} onChange={(event) => change({ name: event.target.value })} />
      <Field {...of('email')} type="email" autoComplete="username" value={draft.email} onChange={(event) => change({ email: event.target.value })} />
      {children}
    </>
  )
}

function useClaim(claimed: (session: Session) => void, toCode: () => void) {
  const { t, language } = useT()
  const queries = useQueryClient()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  const [codeError, setCodeError] = useState<string | null>(null)
  /** `password` is null where a passkey is wanted in its place. */
  async function send(draft: Draft, password: string | null) {
    if (busy) return
    setBusy(true)
    setFailure(null)
    setCodeError(null)
    const { code, workspace, name, email } = draft
    try {
      const body = { code: code.trim(), workspace: { slug: slugOf(draft), name: workspace.trim() }, owner: { name: name.trim(), email: email.trim() } }
      const made = await api.claim(password === null ? await ownersPasskey(body, t('console.setup.passkey_name')) : { ...body, owner: { ...body.owner, password } })
      chooseSlug(made.workspace.slug)
      keepSetupDraft(null)
      setLateStep('phone')
      queries.removeQueries({ queryKey: ['setup'] })
      const session = await queries.fetchQuery({ ...sessionQuery, staleTime: 0 })
      if (session) claimed(session)
    } catch (error) {
      if (hasCode(error, 'wrong_setup_code')) {
        setCodeError(errorText(t, language, error))
        toCode()
      } else setFailure(error instanceof PasskeyLeft ? t('console.passkeys.left') : errorText(t, language, error))
    }
    setBusy(false)
  }
  return { busy, failure, codeError, send }
}
