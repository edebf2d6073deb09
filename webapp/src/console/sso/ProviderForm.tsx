// The settings of the identity provider, with the steps to take there.

import { useState, type FormEvent } from 'react'
import type { IdentityProviderSettings, ProviderSettings } from '../../shared/types'
import { useT, type Key } from '../i18n'
import { Button } from '../ui/button'
import { CopyField } from '../ui/copy'
import { Field, SelectField, toFirstMistake } from '../ui/field'
import { formOf, presets, withPreset, type Preset } from './settings'

const steps: Record<Preset, { first: Key; last: Key }> = {
  entra: { first: 'console.sso.entra_app', last: 'console.sso.entra_copy' },
  okta: { first: 'console.sso.okta_app', last: 'console.sso.okta_copy' },
  other: { first: 'console.sso.oidc_app', last: 'console.sso.oidc_copy' },
}

interface Props { settings: IdentityProviderSettings; busy: boolean; cancel: () => void; save: (form: ProviderSettings) => Promise<void> }

export function ProviderForm({ settings, busy, cancel, save }: Props) {
  const { t } = useT()
  const [form, setForm] = useState(() => formOf(settings.provider))
  const [checked, setChecked] = useState(false)
  const change = (part: Partial<ProviderSettings>) => setForm((before) => ({ ...before, ...part }))
  const missing = (value: string) => (checked && !value.trim() ? t('console.required') : null)
  const preset = presets.find((p) => p.value === form.preset)
  function submit(event: FormEvent) {
    event.preventDefault()
    setChecked(true)
    const needed = [form.name, form.issuer, form.client_id, form.claim, ...(settings.provider ? [] : [form.client_secret])]
    if (needed.some((value) => !value.trim())) return toFirstMistake(event.currentTarget)
    void save({ ...form, name: form.name.trim(), issuer: form.issuer.trim(), client_id: form.client_id.trim(), claim: form.claim.trim() })
  }
  return (
    <form onSubmit={submit} noValidate className="space-y-5 border-t border-line pt-5">
      <SelectField label={t('console.sso.preset')} value={form.preset} onChange={(event) => setForm(withPreset(form, event.target.value as Preset))}>
        {presets.map((p) => <option key={p.value} value={p.value}>{p.name}</option>)}
      </SelectField>
      <ol className="list-decimal space-y-2 ps-5 text-sm">
        <li>{t(steps[form.preset].first)}</li>
        <li>
          {t('console.sso.give_redirect')}
          <div className="mt-2"><CopyField label={t('console.sso.redirect')} value={settings.redirect_url} /></div>
        </li>
        <li>{t(steps[form.preset].last)}</li>
      </ol>
      <Field label={t('console.sso.name')} hint={t('console.sso.name_hint')} maxLength={64} autoComplete="off" value={form.name} error={missing(form.name)} onChange={(event) => change({ name: event.target.value })} />
      <Field label={t('console.sso.issuer')} type="url" placeholder={preset?.issuer} autoComplete="off" value={form.issuer} error={missing(form.issuer)} onChange={(event) => change({ issuer: event.target.value })} />
      <Field label={t('console.sso.client_id')} autoComplete="off" spellCheck={false} value={form.client_id} error={missing(form.client_id)} onChange={(event) => change({ client_id: event.target.value })} />
      <Field label={t('console.sso.client_secret')} type="password" autoComplete="off" hint={settings.provider ? t('console.sso.secret_kept') : undefined} value={form.client_secret}
        error={settings.provider ? null : missing(form.client_secret)} onChange={(event) => change({ client_secret: event.target.value })} />
      <div className="grid gap-5 cards:grid-cols-2">
        <Field label={t('console.sso.claim_name')} autoComplete="off" spellCheck={false} value={form.claim} error={missing(form.claim)} onChange={(event) => change({ claim: event.target.value })} />
        <SelectField label={t('console.sso.equals')} value={form.link_by} onChange={(event) => change({ link_by: event.target.value as ProviderSettings['link_by'] })}>
          <option value="user_name">userName</option>
          <option value="external_id">externalId</option>
        </SelectField>
      </div>
      <label className="flex items-start gap-3">
        <input type="checkbox" checked={form.jit} onChange={(event) => change({ jit: event.target.checked })} className="mt-1 size-4" />
        <span><span className="font-medium">{t('console.sso.jit')}</span><span className="block text-sm text-muted">{t('console.sso.jit_text')}</span></span>
      </label>
      <div className="flex flex-wrap gap-3">
        <Button look="primary" type="submit" busy={busy}>{t('common.save')}</Button>
        <Button onClick={cancel}>{t('common.cancel')}</Button>
      </div>
    </form>
  )
}
