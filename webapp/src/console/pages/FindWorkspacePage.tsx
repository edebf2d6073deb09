// Asks which workspace to sign in to.

import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState, type FormEvent } from 'react'
import { ssoErrorText } from '../errors'
import { useT } from '../i18n'
import { useTitle } from '../shell/title'
import { Button } from '../ui/button'
import { Field, toFirstMistake } from '../ui/field'
import { Front } from '../ui/front'
import { Notice } from '../ui/notice'
import { lastSlug } from '../workspace'

const route = getRouteApi('/signin')

export function FindWorkspacePage() {
  const { t } = useT()
  const { sso_error: refused } = route.useSearch() // a sign-in that nobody knows any more, so that its workspace is not known either
  const navigate = useNavigate()
  const [value, setValue] = useState(lastSlug() ?? '')
  const [error, setError] = useState<string | null>(null)
  useTitle(t('console.signin.title'))
  function submit(event: FormEvent) {
    event.preventDefault()
    const slug = slugOf(value)
    if (!slug) {
      setError(t('console.required'))
      return toFirstMistake(event.currentTarget)
    }
    void navigate({ to: '/w/$slug', params: { slug } })
  }
  return (
    <Front title={t('console.find.title')} lead={t('console.find.lead')}>
      {refused && <Notice tone="bad" alert className="mb-6">{ssoErrorText(t, refused)}</Notice>}
      <form onSubmit={submit} noValidate className="space-y-5">
        <Field
          label={t('console.find.label')} hint={t('console.find.hint', { origin: location.origin })} error={error} autoComplete="organization"
          autoCapitalize="none" spellCheck={false} placeholder="acme" value={value} onChange={(event) => setValue(event.target.value)}
        />
        <Button look="primary" type="submit" className="w-full">{t('console.find.action')}</Button>
      </form>
    </Front>
  )
}

/** The last part of what was typed: people paste whole addresses. */
function slugOf(typed: string): string {
  return typed.trim().toLowerCase().replace(/\/+$/, '').split('/').pop() ?? ''
}
