// The organization's domains: proven by DNS, they are what enforcing single sign-on stands on.

import { useState, type FormEvent } from 'react'
import type { IdentityProviderSettings } from '../../shared/types'
import { api } from '../api'
import { useT } from '../i18n'
import { Button } from '../ui/button'
import { CopyField } from '../ui/copy'
import { Field } from '../ui/field'
import { Badge, Rich, Time } from '../ui/parts'
import type { Run } from './SingleSignOn'

export function Domains({ settings, mayChange, busy, run }: { settings: IdentityProviderSettings; mayChange: boolean; busy: string; run: Run }) {
  const { t } = useT()
  const [name, setName] = useState('')
  const { provider, domains } = settings
  async function add(event: FormEvent) {
    event.preventDefault()
    if (name.trim() && (await run('add', () => api.addDomain(name.trim()), 'console.sso.domain_added'))) setName('')
  }
  if (!provider?.active && domains.length === 0) return null
  const proven = domains.some((d) => d.verified_at)
  const enforce = () => run('enforce', () => api.turnIdentityProvider(true, !provider?.enforced), provider?.enforced ? 'console.sso.turned_lenient' : 'console.sso.turned_enforced')
  return (
    <div className="space-y-4 border-t border-line pt-5">
      <div>
        <h3 className="font-medium">{t('console.sso.domains')}</h3>
        <p className="mt-1 text-sm text-muted">{t('console.sso.domains_text')}</p>
      </div>
      {domains.length > 0 && (
        <ul className="space-y-4">
          {domains.map((d) => (
            <li key={d.domain} className="space-y-3">
              <div className="flex flex-wrap items-center gap-3">
                <span className="font-medium [overflow-wrap:anywhere]">{d.domain}</span>
                <Badge tone={d.verified_at ? 'good' : 'warn'}>{t(d.verified_at ? 'console.sso.proven' : 'console.sso.unproven')}</Badge>
                {d.verified_at && <span className="text-sm text-muted"><Rich k="console.sso.proven_at" parts={{ time: <Time short at={d.verified_at} /> }} /></span>}
                {mayChange && !d.verified_at && <Button busy={busy === `prove ${d.domain}`} onClick={() => void run(`prove ${d.domain}`, () => api.proveDomain(d.domain), 'console.sso.domain_proven')}>{t('console.sso.prove')}</Button>}
                {mayChange && <Button aria-label={t('console.sso.domain_remove_named', { name: d.domain })} onClick={() => void run(`remove ${d.domain}`, () => api.removeDomain(d.domain), 'console.sso.domain_removed')}>{t('console.devices.remove')}</Button>}
              </div>
              {!d.verified_at && (
                <div className="grid gap-3 cards:grid-cols-2">
                  <CopyField label={t('console.sso.record_host')} value={d.host} />
                  <CopyField label={t('console.sso.record')} value={d.record} />
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      {mayChange && (
        <form onSubmit={(event) => void add(event)} noValidate className="flex flex-wrap items-end gap-3">
          <div className="min-w-0 flex-1 basis-48"><Field label={t('console.sso.domain')} placeholder="example.com" autoComplete="off" autoCapitalize="none" spellCheck={false} value={name} onChange={(event) => setName(event.target.value)} /></div>
          <Button type="submit" busy={busy === 'add'}>{t('console.sso.domain_add')}</Button>
        </form>
      )}
      {mayChange && provider?.active && (proven || provider.enforced) && (
        <div className="space-y-3">
          <p className="text-sm text-muted">{t('console.sso.enforce_text')}</p>
          <Button busy={busy === 'enforce'} onClick={() => void enforce()}>{t(provider.enforced ? 'console.sso.stop_enforcing' : 'console.sso.enforce')}</Button>
        </div>
      )}
    </div>
  )
}
