import { useEffect, useRef, useState, type FormEvent } from 'react'
import { api } from '../api'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { Button } from '../ui/button'
import { Field } from '../ui/field'
import { Notice } from '../ui/notice'

/** Asks for e-mail and password; `done` runs once they were right. */
export function SignInForm({ slug, done }: { slug: string; done: () => Promise<void> }) {
  const { t, language } = useT()
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
      await done()
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
