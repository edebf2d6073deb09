// Pages that say that something did not work, and the way back (S23).

import { useRouter, type ErrorComponentProps } from '@tanstack/react-router'
import { configRoles, type Role } from '../../shared/types'
import { errorText, roleKey, roleList } from '../errors'
import { useT, type Key } from '../i18n'
import { useSession } from '../session'
import { Button, ButtonLink } from '../ui/button'
import { Icon, type IconName } from '../ui/icons'
import { RequestId } from '../ui/parts'
import { useTitle } from './title'
import type { ReactNode } from 'react'

function Message({ icon, title, children, action }: { icon: IconName; title: string; children: ReactNode; action: ReactNode }) {
  useTitle(title)
  return (
    <div className="mx-auto max-w-lg px-6 py-20 text-center">
      <div className="mx-auto mb-5 grid size-14 place-items-center rounded-full bg-hover text-muted"><Icon name={icon} className="size-7" /></div>
      <h1 tabIndex={-1} className="text-2xl font-semibold tracking-tight">{title}</h1>
      <p className="mt-3 mb-8 text-muted [overflow-wrap:anywhere]">{children}</p>
      {action}
    </div>
  )
}

/** 403: names the roles that may, and the one you have. */
export function ForbiddenPage({ roles = configRoles, text = 'console.forbidden.text' }: { roles?: readonly Role[]; text?: Key }) {
  const { t, language } = useT()
  const { person } = useSession()
  return (
    <Message icon="lock" title={t('console.forbidden.title')} action={<ButtonLink to="/members">{t('console.back')}</ButtonLink>}>
      {t(text, { roles: roleList(t, language, roles), role: t(roleKey[person.role]) })}
    </Message>
  )
}

export function NotFoundPage() {
  const { t } = useT()
  return (
    <Message icon="search" title={t('console.notfound.title')} action={<ButtonLink to="/">{t('console.back')}</ButtonLink>}>
      {t('console.notfound.text')}
    </Message>
  )
}

/** The same outside the shell. */
export function LonelyNotFoundPage() {
  return <main><NotFoundPage /></main>
}

export function PageError({ error, reset }: ErrorComponentProps) {
  const { t, language } = useT()
  const router = useRouter()
  const again = () => {
    reset()
    void router.invalidate()
  }
  return (
    <main>
      <Message icon="warn" title={t('console.load_failed')} action={<><Button look="primary" onClick={again}>{t('common.tryAgain')}</Button><RequestId error={error} /></>}>
        {errorText(t, language, error)}
      </Message>
    </main>
  )
}
