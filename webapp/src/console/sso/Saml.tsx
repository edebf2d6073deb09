// What is only SAML's in the settings of the identity provider: the steps, the metadata of both sides, and the certificates.

import { useId, type ChangeEvent, type ReactNode } from 'react'
import { day } from '../../shared/format'
import type { Certificate, IdentityProvider, IdentityProviderSettings, ProviderSettings } from '../../shared/types'
import { api } from '../api'
import { useT, type Key } from '../i18n'
import { useSession } from '../session'
import { Button } from '../ui/button'
import { CopyField } from '../ui/copy'
import { Field, SelectField } from '../ui/field'
import { Notice } from '../ui/notice'
import { Badge, Rich, Time, useNow } from '../ui/parts'
import { expiryOf, type Preset } from './settings'
import type { Run } from './SingleSignOn'

const steps: Record<Preset, { app: Key; give: Key; take: Key }> = {
  entra: { app: 'console.saml.entra_app', give: 'console.saml.entra_give', take: 'console.saml.entra_take' },
  okta: { app: 'console.saml.okta_app', give: 'console.saml.okta_give', take: 'console.saml.okta_take' },
  other: { app: 'console.saml.other_app', give: 'console.saml.other_give', take: 'console.saml.other_take' },
}

export type Source = 'url' | 'file'

interface Props {
  settings: IdentityProviderSettings
  form: ProviderSettings
  source: Source
  choose: (source: Source) => void
  change: (part: Partial<ProviderSettings>) => void
  missing: (value: string) => string | null
  fault: string | null // what the service said of the metadata
  busy: string
  run: Run
}

/** The part of the form that only SAML has. */
export function SamlFields({ settings, form, source, choose, change, missing, fault, busy, run }: Props) {
  const { t } = useT()
  const { saml, provider } = settings
  const kept = provider?.kind === 'saml'
  const step = steps[form.preset]
  return (
    <>
      <ol className="list-decimal space-y-4 ps-5 text-sm">
        <li>{t(step.app)}</li>
        <li>
          {t(step.give)}
          <div className="mt-2 space-y-3">
            <CopyField label={t('console.saml.entity_id')} value={saml.entity_id} />
            <CopyField label={t('console.saml.acs')} value={saml.acs_url} />
            {saml.certificates.length > 0
              ? <Download />
              : <Button busy={busy === 'certificate'} onClick={() => void run('certificate', api.makeCertificate, 'console.saml.made')}>{t('console.saml.prepare')}</Button>}
          </div>
        </li>
        <li>{t(step.take)}</li>
      </ol>
      <SelectField label={t('console.saml.source')} value={source} onChange={(event) => choose(event.target.value === 'file' ? 'file' : 'url')}>
        <option value="url">{t('console.saml.source_url')}</option>
        <option value="file">{t('console.saml.source_file')}</option>
      </SelectField>
      {source === 'url'
        ? <Field label={t('console.saml.metadata_url')} hint={t('console.saml.metadata_url_hint')} type="url" placeholder="https://" autoComplete="off" value={form.metadata_url ?? ''}
            error={fault ?? missing(form.metadata_url ?? '')} onChange={(event) => change({ metadata_url: event.target.value })} />
        : <MetadataFile text={form.metadata ?? ''} error={fault ?? (kept ? null : missing(form.metadata ?? ''))} kept={kept} change={(metadata) => change({ metadata })} />}
    </>
  )
}

function Download() {
  const { t } = useT()
  const session = useSession()
  return <a className="inline-block font-medium text-accent underline underline-offset-2" href={`/v1/workspaces/${session.workspace.slug}/saml/metadata`} download>{t('console.saml.download')}</a>
}

function MetadataFile({ text, error, kept, change }: { text: string; error: string | null; kept: boolean; change: (text: string) => void }) {
  const { t } = useT()
  const id = useId()
  async function read(event: ChangeEvent<HTMLInputElement>) {
    const file = event.target.files?.[0]
    if (file) change(await file.text())
  }
  return (
    <div className="space-y-3">
      <label className="block text-sm">
        <span className="mb-1.5 block font-medium">{t('console.saml.file')}</span>
        <input type="file" accept=".xml,application/xml,text/xml" onChange={(event) => void read(event)} className="block w-full text-sm" />
      </label>
      <div>
        <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.saml.paste')}</label>
        <textarea id={id} rows={4} autoComplete="off" spellCheck={false} value={text} aria-invalid={error ? true : undefined} aria-describedby={`${id}-note`} onChange={(event) => change(event.target.value)}
          className="w-full rounded-lg border border-edge bg-surface px-3 py-2 font-mono text-sm aria-invalid:border-bad" />
        <p id={`${id}-note`} className={`mt-1.5 text-sm ${error ? 'text-bad' : 'text-muted'}`}>{error ?? (kept ? t('console.saml.paste_kept') : '')}</p>
      </div>
    </div>
  )
}

/** What is known of the provider, and this service's own certificates. */
export function SamlFacts({ provider, settings, mayChange, busy, run }: { provider: IdentityProvider; settings: IdentityProviderSettings; mayChange: boolean; busy: string; run: Run }) {
  const { t } = useT()
  const { saml } = provider
  if (!saml) return null
  const own = settings.saml.certificates
  const next = own.some((c) => !c.signs)
  return (
    <div className="space-y-4 text-sm">
      {saml.fault && <Notice tone="warn">{t(saml.fault === 'metadata_unreachable' ? 'console.saml.fault_unreachable' : 'console.saml.fault_unusable')}</Notice>}
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <p className="min-w-0 [overflow-wrap:anywhere]">
          {saml.metadata_url
            ? <Rich k="console.saml.from_url" values={{ url: saml.metadata_url }} parts={{ time: saml.read_at ? <Time short at={saml.read_at} /> : <>–</> }} />
            : <Rich k="console.saml.from_file" parts={{ time: saml.read_at ? <Time short at={saml.read_at} /> : <>–</> }} />}
        </p>
        {mayChange && saml.metadata_url && <Button busy={busy === 'reread'} onClick={() => void run('reread', api.rereadMetadata, 'console.saml.reread_done')}>{t('console.saml.reread')}</Button>}
      </div>
      <Certificates title={t('console.saml.theirs')} all={saml.certificates} />
      <Certificates title={t('console.saml.ours')} all={own} ours>
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          {own.length > 0 && <Download />}
          {mayChange && !next && <Button busy={busy === 'certificate'} onClick={() => void run('certificate', api.makeCertificate, 'console.saml.made')}>{t(own.length > 0 ? 'console.saml.make_next' : 'console.saml.prepare')}</Button>}
          {mayChange && next && <Button busy={busy === 'use'} onClick={() => void run('use', api.useCertificate, 'console.saml.used')}>{t('console.saml.use_next')}</Button>}
        </div>
        {next && <p className="text-muted">{t('console.saml.next_text')}</p>}
      </Certificates>
    </div>
  )
}

function Certificates({ title, all, ours = false, children }: { title: string; all: Certificate[]; ours?: boolean; children?: ReactNode }) {
  const { t, language } = useT()
  const now = useNow(3600_000)
  return (
    <div className="space-y-2">
      <h4 className="font-medium">{title}</h4>
      <ul className="space-y-2">
        {all.map((c) => {
          const state = expiryOf(c.expires_at, now)
          const date = day(new Date(c.expires_at), language)
          return (
            <li key={c.fingerprint} className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <span translate="no" className="font-mono" title={c.fingerprint}>{c.fingerprint.slice(0, 16).replace(/(.{4})(?=.)/g, '$1 ')}…</span>
              <Badge tone={state === 'good' ? 'plain' : state === 'soon' ? 'warn' : 'bad'}>{t(state === 'over' ? 'console.saml.expired' : 'console.saml.expires', { date })}</Badge>
              {ours && all.length > 1 && <Badge tone={c.signs ? 'good' : 'accent'}>{t(c.signs ? 'console.saml.signs' : 'console.saml.next')}</Badge>}
            </li>
          )
        })}
      </ul>
      {children}
    </div>
  )
}
