// "Your session has ended": sign in again in the same place, with what was typed kept. Who has lost their access is told so.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, useSyncExternalStore, type FormEvent } from 'react'
import type { Session } from '../../shared/types'
import { api } from '../api'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { SignInWays } from '../pages/SignInWays'
import { sessionQuery } from '../session'
import { sessionEnd } from '../session-end'
import { Button } from '../ui/button'
import { Field } from '../ui/field'
import { Modal, ModalActions } from '../ui/modal'
import { chooseSlug } from '../workspace'

export function SessionExpired() {
  const ended = useSyncExternalStore(sessionEnd.subscribe, sessionEnd.happened)
  const session = useQueryClient().getQueryData(sessionQuery.queryKey)
  return ended && session ? <Ended session={session} /> : null
}

function Ended({ session }: { session: Session }) {
  const { t } = useT()
  const why = useQuery({ queryKey: ['session-end'], queryFn: () => api.sessionState(), staleTime: 0, gcTime: 0 })
  const leave = () => location.assign(`/w/${encodeURIComponent(session.workspace.slug)}`) // a fresh page, with nothing of the old session
  if (why.data?.state !== 'deactivated') return <SignInAgain session={session} leave={leave} />
  return (
    <Modal title={t('console.ended.title')} onCancel={() => undefined}>
      <p className="mt-3 mb-5">{t('console.error.deactivated')}</p>
      <ModalActions><Button look="primary" onClick={leave}>{t('console.ended.leave')}</Button></ModalActions>
    </Modal>
  )
}

function SignInAgain({ session, leave }: { session: Session; leave: () => void }) {
  const { t, language } = useT()
  const queries = useQueryClient()
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const { slug } = session.workspace
  const workspace = useQuery({ queryKey: ['public-workspace', slug], queryFn: () => api.workspace(slug) })
  async function enter() {
    chooseSlug(slug)
    const now = await api.session()
    if (now.person.id !== session.person.id) return location.assign('/') // somebody else: nothing on this page is theirs
    await queries.resetQueries({ queryKey: ['session-state'] }) // what is known of the session is about the one that ended
    sessionEnd.over()
    await queries.invalidateQueries()
  }
  async function submit(event: FormEvent) {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      await api.signIn({ workspace: slug, email: session.person.email, password })
      await enter()
    } catch (failure) {
      setBusy(false)
      setError(errorText(t, language, failure))
    }
  }
  return (
    <Modal title={t('console.ended.title')} onCancel={() => undefined}>
      <form onSubmit={(event) => void submit(event)} noValidate className="contents">
        <p className="mt-3 mb-5 text-muted">{t('console.ended.text')}</p>
        <div className="space-y-4">
          <Field label={t('console.email')} type="email" autoComplete="username" readOnly value={session.person.email} />
          <Field label={t('console.password')} type="password" autoComplete="current-password" required value={password} error={error} onChange={(event) => setPassword(event.target.value)} />
        </div>
        <ModalActions>
          <Button look="primary" type="submit" busy={busy}>{t('console.signin.action')}</Button>
          <Button onClick={leave}>{t('console.ended.leave')}</Button>
        </ModalActions>
      </form>
      <SignInWays slug={slug} sso={workspace.data?.sso} next={location.pathname} done={enter} />
    </Modal>
  )
}
