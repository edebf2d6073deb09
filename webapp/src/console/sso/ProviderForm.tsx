// The settings of the identity provider, with the steps to take there.

import { useState, type FormEvent } from 'react'
import type { ApiError } from '../../shared/api'
import type { IdentityProviderSettings, ProviderSettings } from '../../shared/types'
import { useT, type Key } from '../i18n'
import { Button } from '../ui/button'
import { CopyField } from '../ui/copy'
import { Field, SelectField, toFirstMistake } from '../ui/field'
import { SamlFields, type Source } from './Saml'
import { formOf, presets, toSave, withPreset, type Kind, type Preset } from './settings'
import type { Run } from './SingleSignOn'

const steps: Record<Preset, { first: Key; last: Key }> = {
  entra: { first: 'console.sso.entra_app', last: 'console.sso.entra_copy' },
  okta: { first: 'console.sso.okta_app', last: 'console.sso.okta_copy' },
  other: { first: 'console.sso.oidc_app', last: 'console.sso.oidc_copy' },
}

interface Props { settings: IdentityProviderSettings; busy: string; run: Run; cancel: () => void; save: (form: ProviderSettings) => Promise<ApiError | null> }

export function ProviderForm({ settings, busy, run, cancel, save }: Props) {
  const { t } = useT()
  const saved = settings.provider
  const [form, setForm] = useState(() => formOf(saved))
  const [source, setSource] = useState<Source>(saved?.saml && !saved.saml.metadata_url ? 'file' : 'url')
  const [checked, setChecked] = useState(false)
  const [fault, setFault] = useState<string | null>(null)
  const change = (part: Partial<ProviderSettings>) => {
    setFault(null)
    setForm((before) => ({ ...before, ...part }))
  }
  const missing = (value: string) => (checked && !value.trim() ? t('console.required') : null)
  async function submit(event: FormEvent) {
    event.preventDefault()
    setChecked(true)
    const here = event.currentTarget
    const keeps = saved?.kind === form.kind
    const needed = form.kind === 'oidc' ? [form.issuer, form.client_id, ...(keeps ? [] : [form.client_secret])] : source === 'url' ? [form.metadata_url ?? ''] : keeps ? [] : [form.metadata ?? '']
    if ([form.name, form.claim, ...needed].some((value) => !value.trim())) return toFirstMistake(here)
    setFault(null)
    const refused = await save(toSave(form, source))
    if (!String(refused?.fields['field'] ?? '').startsWith('metadata')) return
    setFault(refused?.code === 'metadata_unreachable' ? t('console.error.metadata_unreachable') : (refused?.detail ?? null))
    toFirstMistake(here)
  }
  return (
    <form onSubmit={(event) => void submit(event)} noValidate className="space-y-5 border-t border-line pt-5">
      <div className="grid gap-5 cards:grid-cols-2">
        <SelectField label={t('console.sso.preset')} value={form.preset} onChange={(event) => setForm(withPreset(form, form.kind, event.target.value as Preset))}>
          {presets[form.kind].map((p) => <option key={p.value} value={p.value}>{p.name}</option>)}
        </SelectField>
        <SelectField label={t('console.sso.protocol')} value={form.kind} onChange={(event) => setForm(withPreset(form, event.target.value as Kind, form.preset))}>
          <option value="oidc">OpenID Connect</option>
          <option value="saml">SAML 2.0</option>
        </SelectField>
      </div>
      {form.kind === 'saml'
        ? <SamlFields settings={settings} form={form} source={source} choose={setSource} change={change} missing={missing} fault={fault} busy={busy} run={run} />
        : <OidcSteps settings={settings} preset={form.preset} />}
      <Field label={t('console.sso.name')} hint={t('console.sso.name_hint')} maxLength={64} autoComplete="off" value={form.name} error={missing(form.name)} onChange={(event) => change({ name: event.target.value })} />
      {form.kind === 'oidc' && <OidcFields form={form} kept={saved?.kind === 'oidc'} change={change} missing={missing} />}
      <div className="grid gap-5 cards:grid-cols-2">
        <Field label={t(form.kind === 'saml' ? 'console.saml.attribute' : 'console.sso.claim_name')} hint={form.kind === 'saml' ? t('console.saml.attribute_hint') : undefined} autoComplete="off" spellCheck={false} value={form.claim} error={missing(form.claim)} onChange={(event) => change({ claim: event.target.value })} />
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
        <Button look="primary" type="submit" busy={busy === 'save'}>{t('common.save')}</Button>
        <Button onClick={cancel}>{t('common.cancel')}</Button>
      </div>
    </form>
  )
}

function OidcSteps({ settings, preset }: { settings: IdentityProviderSettings; preset: Preset }) {
  const { t } = useT()
  return (
    <ol className="list-decimal space-y-2 ps-5 text-sm">
      <li>{t(steps[preset].first)}</li>
      <li>
        {t('console.sso.give_redirect')}
        <div className="mt-2 space-y-3">
          <CopyField label={t('console.sso.redirect')} value={settings.redirect_url} />
          <CopyField label={t('console.sso.signed_out')} value={settings.signed_out_url} />
        </div>
      </li>
      <li>{t(steps[preset].last)}</li>
    </ol>
  )
}

interface OidcProps { form: ProviderSettings; kept: boolean; change: (part: Partial<ProviderSettings>) => void; missing: (value: string) => string | null }

function OidcFields({ form, kept, change, missing }: OidcProps) {
  const { t } = useT()
  const placeholder = presets.oidc.find((p) => p.value === form.preset)?.issuer
  return (
    <>
      <Field label={t('console.sso.issuer')} type="url" placeholder={placeholder} autoComplete="off" value={form.issuer} error={missing(form.issuer)} onChange={(event) => change({ issuer: event.target.value })} />
      <Field label={t('console.sso.client_id')} autoComplete="off" spellCheck={false} value={form.client_id} error={missing(form.client_id)} onChange={(event) => change({ client_id: event.target.value })} />
      <Field label={t('console.sso.client_secret')} type="password" autoComplete="off" hint={kept ? t('console.sso.secret_kept') : undefined} value={form.client_secret}
        error={kept ? null : missing(form.client_secret)} onChange={(event) => change({ client_secret: event.target.value })} />
    </>
  )
}
