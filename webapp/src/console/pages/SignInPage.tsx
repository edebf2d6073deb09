// Signing in to one workspace: with a password, a passkey, or at the organization's identity provider.

import { getRouteApi, Link, useRouter } from '@tanstack/react-router'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { ssoErrorText } from '../errors'
import { useT } from '../i18n'
import { sessionQuery } from '../session'
import { useTitle } from '../shell/title'
import { ButtonLink, textLink } from '../ui/button'
import { Front } from '../ui/front'
import { Notice } from '../ui/notice'
import { chooseSlug } from '../workspace'
import { SignInForm } from './SignInForm'
import { SignInWays } from './SignInWays'

const route = getRouteApi('/w/$slug')

export function SignInPage() {
  const workspace = route.useLoaderData()
  return workspace ? <SignIn key={workspace.slug} {...workspace} /> : <NoSuchWorkspace />
}

function SignIn({ slug, name, sso }: { slug: string; name: string; sso?: { name: string } }) {
  const { t } = useT()
  const enter = useEnter(slug)
  const { next, entered, sso_error: refused, signed_out: left } = route.useSearch()
  const came = useRef(false)
  useEffect(() => {
    if (entered !== 'sso' || came.current) return
    came.current = true
    void enter()
  }, [entered, enter])
  useTitle(t('console.signin.title'))
  const signedIn = useQueryClient().getQueryData(sessionQuery.queryKey)?.workspaces.find((w) => w.slug === slug)
  return (
    <Front title={t('console.signin.to', { workspace: name })} lead={`${location.host}/w/${slug}`}>
      {refused && <Notice tone="bad" alert className="mb-6">{ssoErrorText(t, refused)}</Notice>}
      {left && !signedIn && <Notice tone={left === 'everywhere' ? 'good' : 'warn'} className="mb-6">{t(left === 'everywhere' ? 'console.signin.left_everywhere' : 'console.signin.left_here')}</Notice>}
      {signedIn && <GoOn name={signedIn.person.name} enter={enter} />}
      <SignInForm slug={slug} done={enter} />
      <SignInWays slug={slug} sso={sso} next={next} done={enter} />
      <p className="mt-6 text-center text-sm"><Link to="/signin" className={textLink}>{t('console.signin.other')}</Link></p>
    </Front>
  )
}

function GoOn({ name, enter }: { name: string; enter: () => Promise<void> }) {
  const { t } = useT()
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

/** The address names no workspace. */
function NoSuchWorkspace() {
  const { t } = useT()
  useTitle(t('console.signin.title'))
  return (
    <Front title={t('console.signin.no_workspace')} lead={t('console.signin.no_workspace_text')}>
      <ButtonLink to="/signin" look="primary" className="w-full">{t('console.signin.other')}</ButtonLink>
    </Front>
  )
}
