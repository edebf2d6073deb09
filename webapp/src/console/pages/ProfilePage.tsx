// "My Profile" with "My trusted devices".

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState, type FormEvent } from 'react'
import type { Device } from '../../shared/types'
import { api } from '../api'
import { useConfirm } from '../confirm/run'
import { errorText, roleKey } from '../errors'
import { useT, type Key } from '../i18n'
import { OpenTransfer } from '../ownership/Transfer'
import { usePairing } from '../pairing/open'
import { PasskeysCard } from '../profile/PasskeysCard'
import { SessionsCard } from '../profile/SessionsCard'
import { CodesCard } from '../recovery/CodesCard'
import { useMakeCodes } from '../recovery/make'
import { keyOf, useSession } from '../session'
import { useTitle } from '../shell/title'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Field } from '../ui/field'
import { Icon, type IconName } from '../ui/icons'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Badge, Card, Empty, LoadError, PageHead, Rich, Skeleton, Time, type BadgeTone } from '../ui/parts'

export function ProfilePage() {
  const { t } = useT()
  const { person } = useSession()
  useTitle(t('console.account.profile'))
  return (
    <>
      <PageHead title={t('console.account.profile')} />
      <OpenTransfer className="mb-5" />
      <Card className="p-6 max-cards:p-5">
        <dl className="grid gap-5 cards:grid-cols-3">
          <Fact term={t('console.name')} value={person.name} />
          <Fact term={t('console.email')} value={person.email} />
          <Fact term={t('console.general.role')} value={t(roleKey[person.role])} />
        </dl>
      </Card>
      <Devices />
      <PasskeysCard />
      <SessionsCard />
    </>
  )
}

function Fact({ term, value }: { term: string; value: string }) {
  return (
    <div className="min-w-0">
      <dt className="text-sm text-muted">{term}</dt>
      <dd className="mt-0.5 font-medium [overflow-wrap:anywhere]"><bdi>{value}</bdi></dd>
    </div>
  )
}

/** How many phones one person may have. */
const mostDevices = 20

function Devices() {
  const { t } = useT()
  const session = useSession()
  const pair = usePairing()
  const action = useRef<HTMLButtonElement>(null)
  const devices = useQuery({ queryKey: keyOf(session, 'devices'), queryFn: api.devices })
  const items = devices.data?.items ?? []
  const activeCount = items.filter((device) => device.state === 'active').length
  const makeCodes = useMakeCodes()
  async function pairAndKeepCodes() {
    if (!(await pair())) return
    // The first set comes with the first phone; afterwards codes are made on demand.
    const { codes } = await api.recovery()
    if (codes.total === 0) await makeCodes()
  }
  return (
    <>
      <section className="mt-10">
        <div className="mb-4 flex flex-wrap items-center justify-between gap-4">
          <h2 className="text-lg font-semibold">{t('console.devices.title')}{activeCount > 0 && <span className="ml-3 text-sm font-normal text-muted">{t('console.devices.limit', { n: activeCount, most: mostDevices })}</span>}</h2>
          <Button ref={action} look="primary" onClick={() => void pairAndKeepCodes()}><Icon name="phone" className="size-4.5" />{t('console.pair.action')}</Button>
        </div>
        <Card className="overflow-hidden">
          {devices.isPending && <Skeleton lines={3} className="p-6" />}
          {devices.isError && !devices.data && <LoadError error={devices.error} retry={() => void devices.refetch()} />}
          {devices.data && items.length === 0 && <Empty icon="phone" title={t('console.devices.none')}>{t('console.devices.none_text')}</Empty>}
          {items.length > 0 && (
            <ul className="divide-y divide-line">
              {items.map((device) => <DeviceRow key={device.id} device={device} only={activeCount === 1} />)}
            </ul>
          )}
        </Card>
      </section>
      <CodesCard hasPhone={activeCount > 0} />
    </>
  )
}

const states: Record<string, { tone: BadgeTone; icon: IconName; word: Key }> = {
  active: { tone: 'good', icon: 'tick', word: 'console.devices.active' },
  removed: { tone: 'plain', icon: 'off', word: 'console.devices.removed' },
  revoked: { tone: 'plain', icon: 'off', word: 'console.devices.removed' },
}

const platforms: Record<string, string> = { ios: 'iOS', android: 'Android', web: 'Web' }

const protections: Record<string, Key> = {
  unknown: 'console.devices.key_unknown',
  software: 'console.devices.key_software',
  hardware: 'console.devices.key_hardware',
  strongbox: 'console.devices.key_hardware',
  tee: 'console.devices.key_hardware',
  secure_enclave: 'console.devices.key_hardware',
}

function DeviceRow({ device, only }: { device: Device; only: boolean }) {
  const { t } = useT()
  const remove = useRemove(device, only)
  const rename = useRename(device)
  const { test, trying, tried } = useTest(device)
  const state = states[device.state]
  const active = device.state === 'active'
  const protection = protections[device.key_protection]
  return (
    <li className="flex flex-wrap items-start gap-x-4 gap-y-3 p-6 max-cards:p-5">
      <span className={`grid size-11 shrink-0 place-items-center rounded-full ${active ? 'bg-accent-soft text-accent' : 'bg-hover text-muted'}`}><Icon name="phone" className="size-6" /></span>
      <div className="min-w-0 flex-1 basis-48">
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <bdi className="font-semibold [overflow-wrap:anywhere]">{device.name}</bdi>
          <Badge tone={state?.tone ?? 'warn'} icon={state?.icon ?? 'clock'}>{t(state?.word ?? 'console.devices.pending')}</Badge>
        </p>
        <p className="mt-1 text-sm text-muted">{platforms[device.platform] ?? device.platform}{' · '}{protection ? t(protection) : device.key_protection}</p>
        <p className="mt-0.5 text-sm text-muted">
          {device.created_at && <><Rich k="console.devices.added" parts={{ time: <Time at={device.created_at} /> }} />{' · '}</>}
          {device.last_seen ? <Rich k="console.devices.seen" parts={{ time: <Time at={device.last_seen} /> }} /> : t('console.devices.never_seen')}
        </p>
        {active && <Notifications push={device.push} />}
        {tried && <p role="status" className={`mt-2 flex items-start gap-1.5 text-sm ${tried.good ? 'text-good' : 'text-warn'}`}><Icon name={tried.good ? 'tick' : 'warn'} className="mt-0.5 size-4" /><span className="min-w-0">{tried.text}</span></p>}
      </div>
      {active && device.push?.state !== 'none' && device.push?.state !== 'dead' && <Button busy={trying} aria-label={t('console.devices.test_named', { name: device.name })} onClick={() => void test()}>{t('console.devices.test')}</Button>}
      {active && <Button aria-label={t('console.devices.rename_named', { name: device.name })} onClick={() => void rename()}>{t('console.devices.rename')}</Button>}
      {active && <Button aria-label={t('console.devices.remove_named', { name: device.name })} onClick={() => void remove()}>{t('console.devices.remove')}</Button>}
    </li>
  )
}

const pushes: Record<string, { icon: IconName; look: string; text: Key }> = {
  none: { icon: 'off', look: '', text: 'console.devices.push_none' },
  registered: { icon: 'tick', look: 'text-good', text: 'console.devices.push_on' },
  working: { icon: 'tick', look: 'text-good', text: 'console.devices.push_working' },
}

/** Why notifications do not work, as far as the push service's word tells. */
function brokenText({ state, detail }: NonNullable<Device['push']>): Key {
  if (detail === 'registered_elsewhere') return 'console.devices.push_elsewhere'
  if (detail === 'vapid_key_ended' || !detail) return 'console.devices.push_broken'
  return state === 'dead' ? 'console.devices.push_withdrawn' : 'console.devices.push_refused'
}

/** Whether requests reach the phone by themselves; without it they wait in the app. */
function Notifications({ push }: { push: Device['push'] }) {
  const state = push?.state === 'dead' || push?.state === 'failing' ? { icon: 'warn' as const, look: 'text-warn', text: brokenText(push) } : pushes[push?.state ?? '']
  if (!state) return null
  return (
    <p className="mt-0.5 flex items-start gap-1.5 text-sm text-muted">
      <Icon name={state.icon} className={`mt-0.5 size-4 ${state.look}`} />
      <span className="min-w-0"><Rich k={state.text} parts={{ time: push?.delivered_at ? <Time short at={push.delivered_at} /> : '' }} values={{ reason: push?.detail ?? '' }} /></span>
    </p>
  )
}

/** "Remove device?", then the confirmation with its six digits, then the removal. */
function useRemove(device: Device, only: boolean): () => Promise<void> {
  const { t } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  const confirm = useConfirm()
  const announce = useAnnounce()
  return async () => {
    const sure = await dialogs.open<true>((close) => <RemoveDialog device={device} only={only} close={close} />)
    if (!sure) return
    const question = { action: 'device.remove', resource: `device:${device.id}` }
    const outcome = await confirm(question, 'console.confirm.after_remove', ({ id }) => api.removeDevice(device.id, id))
    if (outcome?.kind === 'done') announce(t('console.devices.was_removed', { name: device.name }))
    await queries.invalidateQueries({ queryKey: keyOf(session) })
  }
}

/** Sends a test notification, and says what the push service answered. */
function useTest(device: Device) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const [trying, setTrying] = useState(false)
  const [tried, setTried] = useState<{ good: boolean; text: string } | null>(null)
  async function test() {
    setTrying(true)
    setTried(null)
    try {
      const { sent, reason } = await api.testDevice(device.id)
      setTried({ good: sent, text: sent ? t('console.devices.test_sent', { name: device.name }) : t('console.devices.test_refused', { reason: reason || '—' }) })
    } catch (error) {
      setTried({ good: false, text: errorText(t, language, error) })
    }
    setTrying(false)
    await queries.invalidateQueries({ queryKey: keyOf(session, 'devices') })
  }
  return { test, trying, tried }
}

function useRename(device: Device): () => Promise<void> {
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  return async () => {
    if (await dialogs.open<true>((close) => <RenameDialog device={device} close={close} />)) await queries.invalidateQueries({ queryKey: keyOf(session) })
  }
}

function RenameDialog({ device, close }: { device: Device; close: (done: true | null) => void }) {
  const { t, language } = useT()
  const [name, setName] = useState(device.name)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  async function submit(event: FormEvent) {
    event.preventDefault()
    if (busy) return
    if (!name.trim()) return setError(t('console.required'))
    setBusy(true)
    try {
      await api.renameDevice(device.id, name)
      close(true)
    } catch (failure) {
      setBusy(false)
      setError(errorText(t, language, failure))
    }
  }
  return (
    <Modal title={t('console.devices.rename_title')} onCancel={() => close(null)}>
      <form onSubmit={(event) => void submit(event)} noValidate className="contents">
        <div className="mt-5"><Field label={t('console.devices.rename_label')} maxLength={64} autoComplete="off" value={name} error={error} onChange={(event) => { setName(event.target.value); setError(null) }} /></div>
        <ModalActions>
          <Button look="primary" type="submit" busy={busy}>{t('common.save')}</Button>
          <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}

function RemoveDialog({ device, only, close }: { device: Device; only: boolean; close: (sure: true | null) => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.devices.remove_title')} onCancel={() => close(null)}>
      <p className="mt-3 [overflow-wrap:anywhere]"><Rich k="console.devices.remove_text" parts={{ name: <bdi>{device.name}</bdi> }} /></p>
      {only && <Notice tone="warn" className="mt-5">{t('console.devices.remove_only')}</Notice>}
      <ModalActions>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        <Button look="danger" onClick={() => close(true)}>{t('console.devices.remove_action')}</Button>
      </ModalActions>
    </Modal>
  )
}
