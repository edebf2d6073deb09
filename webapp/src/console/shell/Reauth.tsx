// Asks for the password again where a call wants a fresh sign-in.

import { useQuery } from '@tanstack/react-query'
import { useCallback, useState, type FormEvent } from 'react'
import { api } from '../api'
import { errorText, hasCode } from '../errors'
import { useT } from '../i18n'
import { PasskeyLeft, passkeysHere, usePasskey } from '../passkey'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Field } from '../ui/field'
import { Modal, ModalActions } from '../ui/modal'
import { activeSlug } from '../workspace'

export type Fresh = <T>(run: () => Promise<T>) => Promise<T | null>

/** Runs a call; when a fresh sign-in is wanted, asks for the password and runs it again. Null when the person left. */
export function useFresh(): Fresh {
  const dialogs = useDialogs()
  return useCallback(async <T,>(run: () => Promise<T>) => {
    try {
      return await run()
    } catch (error) {
      if (!hasCode(error, 'reauthentication_required')) throw error
    }
    const verified = await dialogs.open<true>((close) => <PasswordDialog close={close} />)
    return verified ? run() : null
  }, [dialogs])
}

function PasswordDialog({ close }: { close: (value: true | null) => void }) {
  const { t, language } = useT()
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  async function submit(event: FormEvent) {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      await api.verify(password)
      close(true)
    } catch (failure) {
      setBusy(false)
      setError(errorText(t, language, failure))
    }
  }
  const { data: passkeys } = useQuery({ queryKey: ['passkeys-to-verify'], queryFn: () => api.passkeys(), staleTime: 0 })
  async function withPasskey() {
    if (busy) return
    setBusy(true)
    setError(null)
    try {
      const ceremony = await api.passkeyVerifyOptions()
      await api.passkeyVerify({ ceremony: ceremony.ceremony, response: await usePasskey(ceremony) })
      close(true)
    } catch (failure) {
      setBusy(false)
      setError(failure instanceof PasskeyLeft ? t('console.passkeys.left') : errorText(t, language, failure))
    }
  }
  const slug = activeSlug() ?? ''
  const workspace = useQuery({ queryKey: ['public-workspace', slug], queryFn: () => api.workspace(slug), enabled: slug !== '' })
  async function atProvider() {
    if (busy) return
    setBusy(true)
    setError(null)
    try {
      location.assign((await api.beginSSO(slug, location.pathname)).url) // what was begun here is begun again afterwards
    } catch (failure) {
      setBusy(false)
      setError(errorText(t, language, failure))
    }
  }
  return (
    <Modal title={t('console.reauth.title')} onCancel={() => close(null)}>
      <form onSubmit={(event) => void submit(event)} noValidate className="contents">
        <p className="mt-3 mb-5 text-muted">{t('console.reauth.text')}</p>
        <Field label={t('console.password')} type="password" autoComplete="current-password" required value={password} error={error} onChange={(event) => setPassword(event.target.value)} />
        <ModalActions>
          <Button look="primary" type="submit" busy={busy}>{t('console.reauth.action')}</Button>
          {passkeysHere() && !!passkeys?.items.length && <Button onClick={() => void withPasskey()}>{t('console.reauth.passkey')}</Button>}
          {workspace.data?.sso && <Button onClick={() => void atProvider()}>{t('console.signin.sso', { name: workspace.data.sso.name })}</Button>}
          <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}
