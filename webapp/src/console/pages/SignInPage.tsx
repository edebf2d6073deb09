// Signing in to one workspace with a password.

import { getRouteApi, Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { api } from '../api'
import { errorText, hasCode } from '../errors'
import { useT } from '../i18n'
import { sessionQuery } from '../session'
import { useTitle } from '../shell/title'
import { Button, ButtonLink, textLink } from '../ui/button'
import { Field } from '../ui/field'
import { Front } from '../ui/front'
import { Notice } from '../ui/notice'
import { chooseSlug } from '../workspace'

const route = getRouteApi('/w/$slug')

export function SignInPage() {
  const { t } = useT()
  const workspace = route.useLoaderData()
  useTitle(t('console.signin.title'))
  const signedIn = useQueryClient().getQueryData(sessionQuery.queryKey)?.workspaces.find((w) => w.slug === workspace.slug)
  return (
    <Front title={t('console.signin.to', { workspace: workspace.name })} lead={location.host + '/w/' + workspace.slug}>
      {signedIn && <GoOn name={signedIn.person.name} slug={workspace.slug} />}
      <SignInForm slug={workspace.slug} />
      <p className="mt-6 text-center text-sm"><Link to="/signin" className={textLink}>{t('console.signin.other')}</Link></p>
    </Front>
  )
}

function GoOn({ name, slug }: { name: string; slug: string }) {
  const { t } = useT()
  const enter = useEnter(slug)
  return (
    <Notice tone="info" className="mb-6">
      {t('console.signin.already', { name })}{' '}
      <button type="button" className={textLink} onClick={() => void enter()}>{t('console.signin.go_on')}</button>
    </Notice>
  )
}

/** Makes this tab work in the workspace and goes where it was wanted. */
function useEnter(slug: string): () => Promise<void> {
  const { next } = route.useSearch()
  const router = useRouter()
  const queries = useQueryClient()
  return async () => {
    chooseSlug(slug)
    queries.clear()
    await queries.fetchQuery(sessionQuery)
    await router.navigate({ to: next ?? '/members' })
  }
}

function SignInForm({ slug }: { slug: string }) {
  const { t, language } = useT()
  const enter = useEnter(slug)
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  const first = useRef<HTMLInputElement>(null)
  useEffect(() => first.current?.focus(), [])
  async function submit(event: FormEvent) {
    event.preventDefault()
    if (busy) return
    if (!email.trim() || !password) return setFailure(t('console.signin.both'))
    setBusy(true)
    setFailure(null)
    try {
      await api.signIn({ workspace: slug, email: email.trim(), password })
      await enter()
    } catch (error) {
      setBusy(false)
      setFailure(errorText(t, language, error))
    }
  }
  return (
    <form onSubmit={(event) => void submit(event)} noValidate className="space-y-5">
      {failure && <Notice tone="bad" alert>{failure}</Notice>}
      <Field ref={first} label={t('console.email')} type="email" autoComplete="username" value={email} onChange={(event) => setEmail(event.target.value)} />
      <Field label={t('console.password')} type="password" autoComplete="current-password" value={password} onChange={(event) => setPassword(event.target.value)} />
      <Button look="primary" type="submit" busy={busy} className="w-full">{t('console.signin.action')}</Button>
    </form>
  )
}

/** Shown when the address names no workspace, or the service does not answer. */
export function NoSuchWorkspace({ error }: ErrorComponentProps) {
  const { t, language } = useT()
  const missing = hasCode(error, 'not_found')
  return (
    <Front title={t(missing ? 'console.signin.no_workspace' : 'console.load_failed')} lead={missing ? t('console.signin.no_workspace_text') : errorText(t, language, error)}>
      {missing
        ? <ButtonLink to="/signin" look="primary" className="w-full">{t('console.signin.other')}</ButtonLink>
        : <Button look="primary" className="w-full" onClick={() => location.reload()}>{t('common.tryAgain')}</Button>}
    </Front>
  )
}
