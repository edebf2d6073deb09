// "API keys" on the tab Developer.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { useConfirm } from '../confirm/run'
import { errorText } from '../errors'
import { useT, type Key } from '../i18n'
import { usePairing } from '../pairing/open'
import { keyOf, useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { CopyField } from '../ui/copy'
import { useDialogs } from '../ui/dialogs'
import { Field, SelectField, toFirstMistake } from '../ui/field'
import { Icon } from '../ui/icons'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Badge, Card, Empty, LoadError, Rich, Skeleton, Time } from '../ui/parts'
import { keysApi, type APIKey, type WantedKey } from './api'

export function KeysCard() {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  const confirm = useConfirm()
  const pairing = usePairing()
  const announce = useAnnounce()
  const [failure, setFailure] = useState<string | null>(null)
  const keys = useQuery({ queryKey: keyOf(session, 'api-keys'), queryFn: keysApi.list })
  const again = () => queries.invalidateQueries({ queryKey: keyOf(session, 'api-keys') })
  async function make() {
    setFailure(null)
    const wanted = await dialogs.open<WantedKey>((close) => <MakeDialog scopes={keys.data?.scopes ?? []} close={close} />)
    if (!wanted) return
    const outcome = await confirm({ action: 'apikey.create', params: wanted }, 'console.keys.after', ({ id }) => keysApi.make(wanted, id))
    if (outcome?.kind === 'no_device') return void pairing()
    if (outcome?.kind !== 'done') return
    await again()
    await dialogs.open<never>((close) => <ShowDialog made={outcome.value} close={() => close(null)} />)
  }
  async function revoke(key: APIKey) {
    setFailure(null)
    const sure = await dialogs.open<true>((close) => <RevokeDialog name={key.name} close={close} />)
    if (!sure) return
    try {
      await keysApi.revoke(key.id)
      announce(t('console.keys.revoked_named', { name: key.name }))
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    await again()
  }
  const items = keys.data?.items ?? []
  return (
    <section>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-4">
        <h2 className="text-lg font-semibold">{t('console.keys.title')}</h2>
        {keys.data && <Button onClick={() => void make()}><Icon name="key" className="size-4.5" />{t('console.keys.make')}</Button>}
      </div>
      <p className="mb-4 text-muted">{t('console.keys.text')}</p>
      <Card>
        {failure && <Notice tone="bad" alert className="m-5">{failure}</Notice>}
        {keys.isPending && <Skeleton lines={3} className="p-6" />}
        {keys.isError && !keys.data && <LoadError error={keys.error} retry={() => void keys.refetch()} />}
        {keys.data && items.length === 0 && <Empty icon="key" title={t('console.keys.none')}>{t('console.keys.none_text')}</Empty>}
        {items.length > 0 && <ul className="divide-y divide-line">{items.map((key) => <Row key={key.id} apiKey={key} mine={key.person.id === session.person.id} revoke={() => void revoke(key)} />)}</ul>}
      </Card>
    </section>
  )
}

const ended: Record<NonNullable<APIKey['ended_because']>, Key> = {
  revoked: 'console.keys.ended_revoked',
  expired: 'console.keys.ended_expired',
  deactivated: 'console.keys.ended_deactivated',
  role: 'console.keys.ended_role',
}

function Row({ apiKey, mine, revoke }: { apiKey: APIKey; mine: boolean; revoke: () => void }) {
  const { t } = useT()
  const live = apiKey.state === 'live'
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-3 p-6 max-cards:p-5" data-testid="api-key">
      <div className="min-w-0 flex-1 basis-64">
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <bdi className="font-semibold [overflow-wrap:anywhere]">{apiKey.name}</bdi>
          <code className="text-sm text-muted">cs_key_…{apiKey.hint}</code>
          {live ? <Badge tone="good" icon="tick">{t('console.keys.live')}</Badge> : <Badge tone="plain" icon="off">{t(ended[apiKey.ended_because ?? 'revoked'])}</Badge>}
        </p>
        <p className="mt-1 text-sm [overflow-wrap:anywhere]">{apiKey.scopes.map((scope) => scopeName(t, scope)).join(' · ')}</p>
        <p className="mt-1 text-sm text-muted">
          <Rich k={mine ? 'console.keys.made' : 'console.keys.made_by'} parts={{ time: <Time at={apiKey.created_at} />, person: <bdi>{apiKey.person.name}</bdi> }} />{' · '}
          {apiKey.last_used_at ? <Rich k="console.keys.used" parts={{ time: <Time short at={apiKey.last_used_at} />, ip: <bdi>{apiKey.last_used_ip}</bdi> }} /> : t('console.keys.unused')}{' · '}
          {live ? <Rich k="console.keys.expires" parts={{ time: <Time at={apiKey.expires_at} /> }} /> : <Rich k="console.keys.ended" parts={{ time: <Time at={apiKey.ended_at ?? apiKey.expires_at} /> }} />}
        </p>
      </div>
      {live && <Button aria-label={t('console.keys.revoke_named', { name: apiKey.name })} onClick={revoke}>{t('console.keys.revoke')}</Button>}
    </li>
  )
}

const scopeKeys: Record<string, Key> = {
  'people:read': 'console.scope.people_read',
  'people:write': 'console.scope.people_write',
  'teams:read': 'console.scope.teams_read',
  'directory:read': 'console.scope.directory_read',
  'directory:write': 'console.scope.directory_write',
  'log:read': 'console.scope.log_read',
  'log:write': 'console.scope.log_write',
  'audit:read': 'console.scope.audit_read',
  'settings:read': 'console.scope.settings_read',
}

/** The words of a scope; one that this console does not know yet keeps its name. */
function scopeName(t: ReturnType<typeof useT>['t'], scope: string): string {
  const key = scopeKeys[scope]
  return key ? t(key) : scope
}

const lives = [7, 30, 90, 180, 365]

function MakeDialog({ scopes, close }: { scopes: string[]; close: (wanted: WantedKey | null) => void }) {
  const { t } = useT()
  const [name, setName] = useState('')
  const [days, setDays] = useState(90)
  const [chosen, setChosen] = useState<string[]>([])
  const [checked, setChecked] = useState(false)
  const noName = name.trim() === ''
  const noScope = chosen.length === 0
  function submit(event: FormEvent) {
    event.preventDefault()
    setChecked(true)
    if (noName || noScope) return toFirstMistake(event.currentTarget)
    close({ name: name.trim(), scopes: scopes.filter((scope) => chosen.includes(scope)), days })
  }
  const turn = (scope: string, on: boolean) => setChosen((before) => (on ? [...before, scope] : before.filter((one) => one !== scope)))
  return (
    <Modal title={t('console.keys.make')} onCancel={() => close(null)} wide>
      <form onSubmit={submit} noValidate className="contents">
        <div className="mt-5 space-y-5">
          <Field label={t('console.keys.name')} hint={t('console.keys.name_hint')} maxLength={64} autoComplete="off" value={name} error={checked && noName ? t('console.required') : null} onChange={(event) => setName(event.target.value)} />
          <fieldset aria-describedby={checked && noScope ? 'scopes-error' : undefined}>
            <legend className="mb-2 text-sm font-medium">{t('console.keys.scopes')}</legend>
            <div className="grid gap-x-4 gap-y-2 cards:grid-cols-2">
              {scopes.map((scope) => (
                <label key={scope} className="flex items-start gap-3">
                  <input type="checkbox" checked={chosen.includes(scope)} aria-invalid={checked && noScope ? true : undefined} onChange={(event) => turn(scope, event.target.checked)} className="mt-1 size-4" />
                  <span>{scopeName(t, scope)}</span>
                </label>
              ))}
            </div>
            {checked && noScope && <p id="scopes-error" className="mt-1.5 flex items-start gap-1.5 text-sm text-bad"><Icon name="warn" className="mt-0.5 size-4" />{t('console.keys.scopes_needed')}</p>}
          </fieldset>
          <SelectField label={t('console.keys.days')} value={days} onChange={(event) => setDays(Number(event.target.value))}>
            {lives.map((count) => <option key={count} value={count}>{t('console.keys.days_count', { count })}</option>)}
          </SelectField>
          <p className="text-sm text-muted">{t('console.keys.never')}</p>
        </div>
        <ModalActions>
          <Button look="primary" type="submit">{t('console.reauth.action')}</Button>
          <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}

/** The one time that the key is shown. */
function ShowDialog({ made, close }: { made: APIKey & { key: string }; close: () => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.keys.made_title')} onCancel={close} wide>
      <p className="mt-3 mb-5 text-muted"><Rich k="console.keys.made_text" parts={{ name: <bdi className="text-ink">{made.name}</bdi> }} /></p>
      <CopyField label={t('console.keys.key')} value={made.key} />
      <p className="mt-3 text-sm text-muted">{t('console.keys.how')}</p>
      <ModalActions><Button onClick={close}>{t('common.done')}</Button></ModalActions>
    </Modal>
  )
}

function RevokeDialog({ name, close }: { name: string; close: (sure: true | null) => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.keys.revoke_title')} onCancel={() => close(null)}>
      <p className="mt-3 [overflow-wrap:anywhere]"><Rich k="console.keys.revoke_text" parts={{ name: <bdi>{name}</bdi> }} /></p>
      <ModalActions>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        <Button look="danger" onClick={() => close(true)}>{t('console.keys.revoke')}</Button>
      </ModalActions>
    </Modal>
  )
}
