// Pairing a new phone with an operator's recovery link: the link alone opens
// nothing, the password is asked for as well.

import { getRouteApi, useRouter } from '@tanstack/react-router'
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useState } from 'react'
import type { Session } from '../../shared/types'
import { api } from '../api'
import { errorText } from '../errors'
import { linkSecret } from '../fragment'
import { useT } from '../i18n'
import { PairStarter } from '../pairing/PairDialog'
import { SessionContext, sessionQuery } from '../session'
import { useFresh } from '../shell/Reauth'
import { useTitle } from '../shell/title'
import { Button } from '../ui/button'
import { Front } from '../ui/front'
import { Notice } from '../ui/notice'
import { chooseSlug } from '../workspace'
import { SignInForm } from './SignInForm'

const route = getRouteApi('/w/$slug/recover')

export function RecoverPage() {
  const { t } = useT()
  const { slug } = route.useParams()
  const known = route.useLoaderData()
  const queries = useQueryClient()
  const [session, setSession] = useState<Session | null>(known?.workspace.slug === slug ? known : null)
  const [open, setOpen] = useState(false)
  useTitle(t('console.recover.title'))
  async function signedIn() {
    chooseSlug(slug)
    queries.clear()
    setSession(await queries.fetchQuery(sessionQuery))
  }
  if (!linkSecret())
    return <Front title={t('console.recover.title')}><Notice tone="warn">{t('console.error.recovery_expired')}</Notice></Front>
  if (!session)
    return <Front title={t('console.recover.title')} lead={t('console.recover.sign_in')}><SignInForm slug={slug} done={signedIn} /></Front>
  return (
    <SessionContext value={session}>
      {open
        ? <Front wide title={t('console.pair.action')} lead={t('console.setup.phone_lead')}><Pairing session={session} /></Front>
        : <Front title={t('console.recover.title')} lead={t('console.recover.text', { name: session.person.name })}><UseLink used={() => setOpen(true)} /></Front>}
    </SessionContext>
  )
}

function UseLink({ used }: { used: () => void }) {
  const { t, language } = useT()
  const fresh = useFresh()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  async function use() {
    setBusy(true)
    setFailure(null)
    try {
      const done = await fresh(async () => { await api.recover(linkSecret()); return true })
      if (done) used()
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    setBusy(false)
  }
  return (
    <>
      {failure && <Notice tone="bad" alert className="mb-5">{failure}</Notice>}
      <Button look="primary" busy={busy} className="w-full" onClick={() => void use()}>{t('console.recover.action')}</Button>
    </>
  )
}

function Pairing({ session }: { session: Session }) {
  const { t } = useT()
  const router = useRouter()
  const [paired, setPaired] = useState(false)
  const done = useCallback(() => setPaired(true), [])
  const leave = () => void router.navigate({ to: '/profile' })
  return (
    <>
      <PairStarter companionUrl={session.companion_url} paired={done} left={leave} />
      {paired && <Button look="primary" className="mt-8 w-full" onClick={leave}>{t('common.done')}</Button>}
    </>
  )
}
