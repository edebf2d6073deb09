// The ways to sign in beside the password: a passkey, and the organization's identity provider.

import { useState } from 'react'
import { api } from '../api'
import { errorText, hasCode } from '../errors'
import { useT } from '../i18n'
import { PasskeyLeft, passkeysHere, usePasskey } from '../passkey'
import { Button, textLink } from '../ui/button'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'

interface Props { slug: string; sso?: { name: string }; next?: string; done: () => Promise<void> }

export function SignInWays({ slug, sso, next, done }: Props) {
  const { t, language } = useT()
  const [busy, setBusy] = useState<'sso' | 'passkey' | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const [away, setAway] = useState(false) // the provider does not answer
  async function run(way: 'sso' | 'passkey', go: () => Promise<void>) {
    if (busy) return
    setBusy(way)
    setFailure(null)
    setAway(false)
    try {
      await go()
    } catch (error) {
      setBusy(null)
      setAway(hasCode(error, 'sso_unreachable'))
      setFailure(error instanceof PasskeyLeft ? t('console.passkeys.left') : errorText(t, language, error))
    }
  }
  const atProvider = (anyway = false) => run('sso', async () => {
    const { url } = await api.beginSSO(slug, `/w/${slug}?${new URLSearchParams({ entered: 'sso', ...(next ? { next } : {}) })}`, anyway)
    location.assign(url)
  })
  const withPasskey = () => run('passkey', async () => {
    const ceremony = await api.passkeySignInOptions()
    await api.passkeySignIn({ workspace: slug, ceremony: ceremony.ceremony, response: await usePasskey(ceremony) })
    await done()
  })
  if (!sso && !passkeysHere()) return null
  return (
    <div className="mt-6 space-y-3">
      <p className="flex items-center gap-3 text-sm text-muted"><span className="h-px flex-1 bg-line" aria-hidden="true" />{t('console.signin.or')}<span className="h-px flex-1 bg-line" aria-hidden="true" /></p>
      {failure && (
        <Notice tone="bad" alert>
          {failure}
          {away && sso && <> <button type="button" className={textLink} onClick={() => void atProvider(true)}>{t('console.signin.sso_anyway', { name: sso.name })}</button></>}
        </Notice>
      )}
      {sso && <Button busy={busy === 'sso'} className="w-full" onClick={() => void atProvider()}>{t('console.signin.sso', { name: sso.name })}</Button>}
      {passkeysHere() && <Button busy={busy === 'passkey'} className="w-full" onClick={() => void withPasskey()}><Icon name="key" className="size-4.5" />{t('console.signin.passkey')}</Button>}
    </div>
  )
}
