// "Auditor link…": the links that work now, and a new one. Making one is confirmed on the phone, as every API key is.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent, type ReactNode } from 'react'
import { useConfirm } from '../confirm/run'
import { keysApi, type APIKey, type WantedKey } from '../developer/api'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { usePairing } from '../pairing/open'
import { keyOf, useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { CopyField } from '../ui/copy'
import { useDialogs } from '../ui/dialogs'
import { Field, SelectField, toFirstMistake } from '../ui/field'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { LoadError, Skeleton, Time } from '../ui/parts'
import { auditorName, auditorOf, auditorScopes, isAuditorKey, linkAddress } from './link'
import { useWords, type Word } from './words'

export function AuditorLinks() {
  const say = useWords()
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  const confirm = useConfirm()
  const pairing = usePairing()
  async function open() {
    const wanted = await dialogs.open<WantedKey>((close) => <LinksDialog close={close} />)
    if (!wanted) return
    const outcome = await confirm({ action: 'apikey.create', params: wanted }, 'console.keys.after_link', ({ id }) => keysApi.make(wanted, id))
    if (outcome?.kind === 'no_device') return void pairing()
    if (outcome?.kind !== 'done') return
    await queries.invalidateQueries({ queryKey: keyOf(session) })
    await dialogs.open<never>((close) => <ShownDialog made={outcome.value} slug={session.workspace.slug} close={() => close(null)} />)
  }
  return <Button onClick={() => void open()}>{say('auditor.open')}</Button>
}

function LinksDialog({ close }: { close: (wanted: WantedKey | null) => void }) {
  const { t } = useT()
  const say = useWords()
  return (
    <Modal title={say('auditor.title')} wide onCancel={() => close(null)}>
      <p className="mt-3 text-muted">{say('auditor.text')}</p>
      <Live />
      <NewLink make={close} cancel={<Button onClick={() => close(null)}>{t('common.close')}</Button>} />
    </Modal>
  )
}

/** The links that work now: one's own, and for Owner and Super Admin everybody's. */
function Live() {
  const { t, language } = useT()
  const say = useWords()
  const session = useSession()
  const announce = useAnnounce()
  const [failure, setFailure] = useState<string | null>(null)
  const keys = useQuery({ queryKey: keyOf(session, 'api-keys'), queryFn: keysApi.list })
  const links = keys.data?.items.filter((key) => key.state === 'live' && isAuditorKey(key.scopes)) ?? []
  async function revoke(key: APIKey) {
    setFailure(null)
    try {
      await keysApi.revoke(key.id)
      announce(say('auditor.revoked', { name: auditorOf(key.name) }))
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    await keys.refetch()
  }
  return (
    <section className="mt-6">
      <h3 className="font-semibold">{say('auditor.live')}</h3>
      {failure && <Notice tone="bad" alert className="mt-3">{failure}</Notice>}
      {keys.isPending && <Skeleton lines={2} className="mt-3" />}
      {keys.isError && !keys.data && <LoadError error={keys.error} retry={() => void keys.refetch()} />}
      {keys.data && links.length === 0 && <p className="mt-2 text-muted">{say('auditor.none')}</p>}
      {links.length > 0 && (
        <ul className="mt-3 divide-y divide-line border-y border-line">
          {links.map((key) => (
            <li key={key.id} data-testid="auditor-link" className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3">
              <div className="min-w-0 flex-1 basis-60">
                <p className="font-medium [overflow-wrap:anywhere]"><bdi>{auditorOf(key.name)}</bdi></p>
                <p className="text-sm text-muted">
                  {say('auditor.until')} <Time at={key.expires_at} />{key.person.id !== session.person.id && <> · {say('auditor.by', { name: key.person.name })}</>}
                  {' · '}{key.last_used_at ? <>{say('auditor.used')} <Time short at={key.last_used_at} /> {key.last_used_ip && say('auditor.from', { ip: key.last_used_ip })}</> : say('auditor.unused')}
                </p>
              </div>
              <Button aria-label={say('auditor.revoke_named', { name: auditorOf(key.name) })} onClick={() => void revoke(key)}>{t('console.keys.revoke')}</Button>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

const lives = { 7: 'auditor.days_7', 14: 'auditor.days_14', 30: 'auditor.days_30', 90: 'auditor.days_90' } as const satisfies Record<number, Word>

function NewLink({ make, cancel }: { make: (wanted: WantedKey) => void; cancel: ReactNode }) {
  const say = useWords()
  const [name, setName] = useState('')
  const [days, setDays] = useState(14)
  const [checked, setChecked] = useState(false)
  const missing = name.trim() === ''
  function submit(event: FormEvent) {
    event.preventDefault()
    setChecked(true)
    if (missing) return toFirstMistake(event.currentTarget)
    make({ name: auditorName + name.trim(), scopes: auditorScopes, days })
  }
  return (
    <form onSubmit={submit} noValidate className="contents">
      <section className="mt-6 space-y-4">
        <h3 className="font-semibold">{say('auditor.new')}</h3>
        <Field label={say('auditor.who')} hint={say('auditor.who_hint')} maxLength={48} autoComplete="off" value={name} error={checked && missing ? say('auditor.required') : null} onChange={(event) => setName(event.target.value)} />
        <SelectField label={say('auditor.days')} value={days} onChange={(event) => setDays(Number(event.target.value))}>
          {Object.entries(lives).map(([count, word]) => <option key={count} value={count}>{say(word)}</option>)}
        </SelectField>
      </section>
      <ModalActions>
        <Button look="primary" type="submit">{say('auditor.make')}</Button>
        {cancel}
      </ModalActions>
    </form>
  )
}

/** The one time that the link is shown. */
function ShownDialog({ made, slug, close }: { made: APIKey & { key: string }; slug: string; close: () => void }) {
  const { t } = useT()
  const say = useWords()
  return (
    <Modal title={say('auditor.shown')} onCancel={close} wide>
      <p className="mt-3 mb-5 text-muted [overflow-wrap:anywhere]">{say('auditor.shown_text', { name: auditorOf(made.name) })}</p>
      <CopyField label={say('auditor.address')} value={linkAddress(location.origin, slug, made.key, made.expires_at)} />
      <p className="mt-3 text-sm text-muted">{say('auditor.ends')} <Time at={made.expires_at} /></p>
      <ModalActions><Button onClick={close}>{t('common.done')}</Button></ModalActions>
    </Modal>
  )
}
