// First run: a fresh service becomes a workspace with its Owner, and a phone.

import { getRouteApi, Link, useRouter } from '@tanstack/react-router'
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react'
import type { Session } from '../../shared/types'
import { api } from '../api'
import { errorText, hasCode } from '../errors'
import { useT, type Key } from '../i18n'
import { PairStarter } from '../pairing/PairDialog'
import { PasskeysCard } from '../profile/PasskeysCard'
import { useMakeCodes } from '../recovery/make'
import { sessionQuery, SessionContext } from '../session'
import { useTitle } from '../shell/title'
import { Button, ButtonLink, textLink } from '../ui/button'
import { Field, toFirstMistake } from '../ui/field'
import { Front } from '../ui/front'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'
import { NewPassword, usePasswordPair, type PasswordPair } from '../ui/password'
import { chooseSlug, inPairingStep, setPairingStep } from '../workspace'

const route = getRouteApi('/setup')

export function SetupPage() {
  const { t } = useT()
  const { setup, session: known } = route.useLoaderData()
  const [session, setSession] = useState<Session | null>(known && inPairingStep() ? known : null)
  useTitle(t('console.setup.title'))
  if (session)
    return (
      <Front wide title={t('console.setup.phone_title')} lead={t('console.setup.phone_lead')}>
        <Steps current={1} />
        <SessionContext value={session}><PhoneStep session={session} /></SessionContext>
      </Front>
    )
  if (!setup.needed)
    return (
      <Front title={t('console.setup.done_title')} lead={t('console.error.already_set_up')}>
        <ButtonLink to="/" look="primary" className="w-full">{t('console.signin.action')}</ButtonLink>
      </Front>
    )
  return (
    <Front wide title={t('console.setup.title')} lead={t('console.setup.lead')}>
      <Steps current={0} />
      <ClaimForm claimed={setSession} />
    </Front>
  )
}

const steps: Key[] = ['console.setup.step_claim', 'console.setup.step_phone']

function Steps({ current }: { current: number }) {
  const { t } = useT()
  return (
    <ol className="mb-8 flex flex-wrap gap-x-8 gap-y-3 border-b border-line pb-6">
      {steps.map((key, i) => (
        <li key={key} aria-current={i === current ? 'step' : undefined} className={`flex items-center gap-2.5 text-sm font-medium ${i === current ? '' : 'text-muted'}`}>
          <span aria-hidden="true" className={`grid size-6 place-items-center rounded-full border text-xs font-semibold ${i === current ? 'border-transparent bg-accent-fill text-on-accent' : 'border-edge'}`}>
            {i < current ? <Icon name="check" className="size-3.5" /> : i + 1}
          </span>
          {t(key)}
        </li>
      ))}
    </ol>
  )
}

/** acme-gmbh from "Acme GmbH" */
export function slugFrom(name: string): string {
  return name.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40)
}

interface Claim { code: string; workspace: string; slug: string; name: string; email: string }

function ClaimForm({ claimed }: { claimed: (session: Session) => void }) {
  const { t } = useT()
  const [claim, setClaim] = useState<Claim>({ code: '', workspace: '', slug: '', name: '', email: '' })
  const [ownSlug, setOwnSlug] = useState(false)
  const [checked, setChecked] = useState(false)
  const pair = usePasswordPair()
  const { busy, failure, codeError, send } = useClaim(claimed)
  const code = useRef<HTMLInputElement>(null)
  const change = (field: keyof Claim) => (event: { target: { value: string } }) => setClaim({ ...claim, [field]: event.target.value })
  const missing = (field: keyof Claim) => (checked && !claim[field].trim() ? t('console.required') : null)
  const slug = ownSlug ? claim.slug : slugFrom(claim.workspace)
  useEffect(() => { if (codeError) code.current?.focus() }, [codeError])
  async function submit(event: FormEvent) {
    event.preventDefault()
    setChecked(true)
    const strong = pair.check()
    if (!strong || [claim.code, claim.workspace, slug, claim.name, claim.email].some((value) => !value.trim())) return toFirstMistake(event.currentTarget)
    await send({ ...claim, slug }, pair.password)
  }
  return (
    <form onSubmit={(event) => void submit(event)} noValidate className="space-y-8">
      {failure && <Notice tone="bad" alert>{failure}</Notice>}
      <Group title={t('console.setup.claim')}>
        <Field
          ref={code} label={t('console.setup.code')} hint={t('console.setup.code_hint')} error={codeError ?? missing('code')} autoComplete="off" autoCapitalize="none" spellCheck={false}
          className="font-mono" value={claim.code} onChange={change('code')}
        />
      </Group>
      <Group title={t('console.setup.workspace')}>
        <Field label={t('console.setup.workspace_name')} error={missing('workspace')} autoComplete="organization" placeholder="Acme" value={claim.workspace} onChange={change('workspace')} />
        <Field
          label={t('console.setup.workspace_address')} hint={t('console.setup.workspace_address_hint', { address: `${location.host}/w/${slug || '…'}` })} error={checked && !slug ? t('console.required') : null}
          autoCapitalize="none" spellCheck={false} value={slug} onChange={(event) => { setOwnSlug(true); change('slug')(event) }}
        />
        {!window.isSecureContext && <Notice tone="info">{t('console.setup.http')}</Notice>}
      </Group>
      <Group title={t('console.setup.owner')}>
        <Field label={t('console.name')} error={missing('name')} autoComplete="name" value={claim.name} onChange={change('name')} />
        <Field label={t('console.email')} error={missing('email')} type="email" autoComplete="username" value={claim.email} onChange={change('email')} />
        <NewPassword pair={pair satisfies PasswordPair} />
      </Group>
      <Button look="primary" type="submit" busy={busy} className="w-full">{t('console.setup.action')}</Button>
    </form>
  )
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="space-y-4">
      <legend className="mb-4 font-semibold">{title}</legend>
      {children}
    </fieldset>
  )
}

function useClaim(claimed: (session: Session) => void) {
  const { t, language } = useT()
  const queries = useQueryClient()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  const [codeError, setCodeError] = useState<string | null>(null)
  async function send({ code, workspace, slug, name, email }: Claim, password: string) {
    if (busy) return
    setBusy(true)
    setFailure(null)
    setCodeError(null)
    try {
      const made = await api.claim({ code: code.trim(), workspace: { slug, name: workspace.trim() }, owner: { name: name.trim(), email: email.trim(), password } })
      chooseSlug(made.workspace.slug)
      setPairingStep(true)
      queries.removeQueries({ queryKey: ['setup'] })
      const session = await queries.fetchQuery({ ...sessionQuery, staleTime: 0 })
      if (session) claimed(session)
    } catch (error) {
      if (hasCode(error, 'wrong_setup_code')) setCodeError(errorText(t, language, error))
      else setFailure(errorText(t, language, error))
    }
    setBusy(false)
  }
  return { busy, failure, codeError, send }
}

function PhoneStep({ session }: { session: Session }) {
  const { t } = useT()
  const router = useRouter()
  const [paired, setPaired] = useState(false)
  const done = useCallback(() => setPaired(true), [])
  const heading = useRef<HTMLDivElement>(null)
  useEffect(() => { heading.current?.closest('main')?.querySelector<HTMLElement>('h1')?.focus() }, [])
  const makeCodes = useMakeCodes()
  const finish = () => {
    setPairingStep(false)
    void router.navigate({ to: '/settings/workspace/idp' })
  }
  // What goes wrong with the codes does not hold up the set-up: My trusted devices offers them again.
  const goOn = () => void makeCodes().catch(() => false).then(finish)
  return (
    <div ref={heading}>
      <PairStarter companionUrl={session.companion_url} paired={done} left={finish} />
      {paired && <PasskeysCard />}
      {paired
        ? <Button look="primary" className="mt-8 w-full" onClick={goOn}>{t('console.setup.go_on')}</Button>
        : (
          <div className="mt-8 border-t border-line pt-6">
            <p className="flex items-start gap-2 text-sm text-bad"><Icon name="warn" className="mt-0.5 size-4" />{t('console.setup.skip_note')}</p>
            <Link to="/settings/workspace/idp" onClick={() => setPairingStep(false)} className={`mt-2 inline-block ${textLink}`}>{t('console.setup.skip')}</Link>
          </div>
        )}
    </div>
  )
}
