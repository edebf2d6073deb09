// "Your session has ended": sign in again in the same place, with what was typed kept.

import { useQueryClient } from '@tanstack/react-query'
import { useState, useSyncExternalStore, type FormEvent } from 'react'
import type { Session } from '../../shared/types'
import { api } from '../api'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { sessionQuery } from '../session'
import { sessionEnd } from '../session-end'
import { Button } from '../ui/button'
import { Field } from '../ui/field'
import { Modal, ModalActions } from '../ui/modal'
import { chooseSlug } from '../workspace'

export function SessionExpired() {
  const ended = useSyncExternalStore(sessionEnd.subscribe, sessionEnd.happened)
  const session = useQueryClient().getQueryData(sessionQuery.queryKey)
  return ended && session ? <SignInAgain session={session} /> : null
}

function SignInAgain({ session }: { session: Session }) {
  const { t, language } = useT()
  const queries = useQueryClient()
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const { slug } = session.workspace
  async function submit(event: FormEvent) {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      await api.signIn({ workspace: slug, email: session.person.email, password })
      chooseSlug(slug)
      sessionEnd.over()
      await queries.invalidateQueries()
    } catch (failure) {
      setBusy(false)
      setError(errorText(t, language, failure))
    }
  }
  const leave = () => location.assign(`/w/${encodeURIComponent(slug)}`) // a fresh page, with nothing of the old session
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
    </Modal>
  )
}
