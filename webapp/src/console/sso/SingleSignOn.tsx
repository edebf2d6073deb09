// "Single sign-on" in IDP Settings: settings, test, on and off, domains and enforcing.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiError } from '../../shared/api'
import type { IdentityProvider, IdentityProviderSettings, ProviderSettings } from '../../shared/types'
import { api } from '../api'
import { errorText, ssoErrorText } from '../errors'
import { useT, type Key } from '../i18n'
import { keyOf, mayManagePeople, useSession } from '../session'
import { useFresh } from '../shell/Reauth'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Badge, LoadError, Rich, Skeleton, Time, type BadgeTone } from '../ui/parts'
import { Domains } from './Domains'
import { ProviderForm } from './ProviderForm'
import { SamlFacts } from './Saml'
import { stateOf, type State } from './settings'

const states: Record<State, { tone: BadgeTone; word: Key; next: Key }> = {
  none: { tone: 'plain', word: 'console.sso.none', next: 'console.sso.none_next' },
  untested: { tone: 'warn', word: 'console.sso.draft', next: 'console.sso.untested_next' },
  failed: { tone: 'bad', word: 'console.sso.draft', next: 'console.sso.failed_next' },
  tested: { tone: 'accent', word: 'console.sso.draft', next: 'console.sso.tested_next' },
  on: { tone: 'good', word: 'console.sso.on', next: 'console.sso.on_next' },
  enforced: { tone: 'good', word: 'console.sso.enforced', next: 'console.sso.enforced_next' },
}

export type Run = (which: string, work: () => Promise<unknown>, done?: Key) => Promise<boolean>

export function SingleSignOn() {
  const session = useSession()
  const settings = useQuery({ queryKey: keyOf(session, 'identity-provider'), queryFn: () => api.identityProvider() })
  if (settings.isError && !settings.data) return <LoadError error={settings.error} retry={() => void settings.refetch()} />
  if (!settings.data) return <Skeleton lines={3} />
  return <Loaded settings={settings.data} mayChange={mayManagePeople(session)} />
}

function Loaded({ settings, mayChange }: { settings: IdentityProviderSettings; mayChange: boolean }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const fresh = useFresh()
  const announce = useAnnounce()
  const [editing, setEditing] = useState(false)
  const [busy, setBusy] = useState('')
  const [failure, setFailure] = useState<string | null>(null)
  const run: Run = async (which, work, done) => {
    if (busy) return false
    setBusy(which)
    setFailure(null)
    let ok = false
    try {
      ok = (await fresh(async () => { await work(); return true })) !== null
      if (ok && done) announce(t(done))
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    setBusy('')
    await queries.invalidateQueries({ queryKey: keyOf(session, 'identity-provider') })
    return ok
  }
  /** Saves, and says why not, so that the form can mark the field. */
  async function save(form: ProviderSettings): Promise<ApiError | null> {
    const refused: ApiError[] = []
    const ok = await run('save', () => api.saveIdentityProvider(form).catch((error: unknown) => {
      if (error instanceof ApiError) refused.push(error)
      throw error
    }), 'console.sso.saved')
    if (ok) setEditing(false)
    return ok ? null : (refused[0] ?? null)
  }
  const { provider } = settings
  const state = stateOf(provider)
  return (
    <div className="space-y-5">
      <div className="flex flex-wrap items-center justify-between gap-4">
        <div className="min-w-0 flex-1 basis-64">
          <h3 className="flex flex-wrap items-center gap-x-3 gap-y-1 font-medium">{t('console.sso.title')}<Badge tone={states[state].tone}>{t(states[state].word)}</Badge></h3>
          <p className="mt-1 text-sm text-muted">{t(states[state].next, { name: provider?.name ?? '' })}</p>
        </div>
        {mayChange && !editing && <Button onClick={() => setEditing(true)}>{t(provider ? 'console.sso.edit' : 'console.sso.set_up')}</Button>}
      </div>
      {failure && <Notice tone="bad" alert>{failure}</Notice>}
      {editing && (
        <ProviderForm settings={settings} busy={busy} run={run} cancel={() => setEditing(false)} save={save} />
      )}
      {provider && !editing && <Facts provider={provider} />}
      {provider?.saml && !editing && <SamlFacts provider={provider} settings={settings} mayChange={mayChange} busy={busy} run={run} />}
      {provider && !editing && mayChange && <Actions provider={provider} state={state} busy={busy} run={run} />}
      {provider && !editing && <Domains settings={settings} mayChange={mayChange} busy={busy} run={run} />}
    </div>
  )
}

function Facts({ provider }: { provider: IdentityProvider }) {
  const { t } = useT()
  const { test } = provider
  return (
    <dl className="grid gap-x-5 gap-y-3 text-sm cards:grid-cols-2">
      <Fact term={t('console.sso.issuer')}>{provider.issuer}</Fact>
      {provider.saml
        ? <Fact term={t('console.saml.sso_url')}>{provider.saml.sso_url}</Fact>
        : <Fact term={t('console.sso.client_id')}>{provider.client_id}</Fact>}
      <Fact term={t('console.sso.claim')}>{t(provider.link_by === 'user_name' ? 'console.sso.link_user_name' : 'console.sso.link_external_id', { claim: provider.claim })}</Fact>
      {test && (
        <Fact term={t('console.sso.last_test')}>
          {test.code ? <>{test.code === 'claim_missing' ? t('console.sso.claim_missing', { claim: provider.claim }) : ssoErrorText(t, test.code)} (<Time short at={test.at} />)</>
            : <Rich k="console.sso.test_good" values={{ claim: test.claim ?? '' }} parts={{ time: <Time short at={test.at} /> }} />}
        </Fact>
      )}
    </dl>
  )
}

function Fact({ term, children }: { term: string; children: React.ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-muted">{term}</dt>
      <dd className="mt-0.5 [overflow-wrap:anywhere]">{children}</dd>
    </div>
  )
}

function Actions({ provider, state, busy, run }: { provider: IdentityProvider; state: State; busy: string; run: Run }) {
  const { t } = useT()
  const dialogs = useDialogs()
  const test = () => run('test', async () => location.assign((await api.testIdentityProvider()).url))
  const turn = (active: boolean) => run('turn', () => api.turnIdentityProvider(active, false), active ? 'console.sso.turned_on' : 'console.sso.turned_off')
  async function remove() {
    if (await dialogs.open<true>((close) => <RemoveDialog name={provider.name} close={close} />)) await run('remove', api.removeIdentityProvider, 'console.sso.removed')
  }
  return (
    <div className="flex flex-wrap gap-3">
      <Button look={state === 'untested' || state === 'failed' ? 'primary' : 'secondary'} busy={busy === 'test'} onClick={() => void test()}>{t('console.sso.test')}</Button>
      {provider.active
        ? <Button busy={busy === 'turn'} onClick={() => void turn(false)}>{t('console.sso.turn_off')}</Button>
        : state === 'tested' && <Button look="primary" busy={busy === 'turn'} onClick={() => void turn(true)}>{t('console.sso.turn_on')}</Button>}
      <Button busy={busy === 'remove'} onClick={() => void remove()}>{t('console.sso.remove')}</Button>
    </div>
  )
}

function RemoveDialog({ name, close }: { name: string; close: (sure: true | null) => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.sso.remove_title')} onCancel={() => close(null)}>
      <p className="mt-3 [overflow-wrap:anywhere]"><Rich k="console.sso.remove_text" parts={{ name: <bdi>{name}</bdi> }} /></p>
      <ModalActions>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        <Button look="danger" onClick={() => close(true)}>{t('console.sso.remove')}</Button>
      </ModalActions>
    </Modal>
  )
}
