// Setting a password with a one-time link. The link's secret is out of the address by now.

import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useState, type FormEvent } from 'react'
import { api } from '../api'
import { errorText } from '../errors'
import { linkSecret, takeAgain } from '../fragment'
import { useT } from '../i18n'
import { useTitle } from '../shell/title'
import { Button, ButtonLink } from '../ui/button'
import { toFirstMistake } from '../ui/field'
import { Front } from '../ui/front'
import { Notice } from '../ui/notice'
import { NewPassword, usePasswordPair } from '../ui/password'

const route = getRouteApi('/w/$slug/set-password')

export function SetPasswordPage() {
  const { t } = useT()
  const { slug } = route.useParams()
  const [secret, setSecret] = useState(linkSecret)
  const [done, setDone] = useState(false)
  useTitle(t('console.setpw.title'))
  useEffect(() => {
    const again = () => setSecret(takeAgain())
    window.addEventListener('hashchange', again)
    return () => window.removeEventListener('hashchange', again)
  }, [])
  if (done)
    return (
      <Front title={t('console.setpw.done')} lead={t('console.setpw.done_text')}>
        <ButtonLink to="/w/$slug" params={{ slug }} look="primary" className="w-full">{t('console.signin.action')}</ButtonLink>
      </Front>
    )
  return (
    <Front title={t('console.setpw.title')} lead={t('console.setpw.lead')}>
      {secret ? <Form secret={secret} done={() => setDone(true)} /> : <Notice tone="warn">{t('console.error.link_expired')}</Notice>}
    </Front>
  )
}

function Form({ secret, done }: { secret: string; done: () => void }) {
  const { t, language } = useT()
  const pair = usePasswordPair()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  async function submit(event: FormEvent) {
    event.preventDefault()
    if (busy) return
    if (!pair.check()) return toFirstMistake(event.currentTarget)
    setBusy(true)
    setFailure(null)
    try {
      await api.setPassword({ token: secret, password: pair.password })
      done()
    } catch (error) {
      setBusy(false)
      setFailure(errorText(t, language, error))
    }
  }
  return (
    <form onSubmit={(event) => void submit(event)} noValidate className="space-y-5">
      {failure && <Notice tone="bad" alert>{failure}</Notice>}
      <NewPassword pair={pair} />
      <Button look="primary" type="submit" busy={busy} className="w-full">{t('console.setpw.action')}</Button>
    </form>
  )
}
