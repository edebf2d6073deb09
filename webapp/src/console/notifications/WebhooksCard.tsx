// "Webhooks" in the tab Developer: where events are sent, and what came of it.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { errorText } from '../errors'
import { useT, type Key } from '../i18n'
import { keyOf, useSession } from '../session'
import { useFresh } from '../shell/Reauth'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { CopyField } from '../ui/copy'
import { useDialogs } from '../ui/dialogs'
import { Field } from '../ui/field'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Badge, Card, Empty, LoadError, Rich, Skeleton, Time, type BadgeTone } from '../ui/parts'
import { calls, groups, type Delivery, type Group, type NewSecret, type Webhook } from './calls'

const groupKey: Record<Group, Key> = {
  user: 'console.webhooks.group_user',
  group: 'console.webhooks.group_group',
  token: 'console.webhooks.group_token',
  confirmation: 'console.webhooks.group_confirmation',
}

export function WebhooksCard() {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  const fresh = useFresh()
  const announce = useAnnounce()
  const webhooks = useQuery({ queryKey: keyOf(session, 'webhooks'), queryFn: calls.webhooks })
  const [failure, setFailure] = useState<string | null>(null)
  async function run(work: () => Promise<unknown>) {
    setFailure(null)
    try {
      await work()
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    await queries.invalidateQueries({ queryKey: keyOf(session, 'webhooks') })
  }
  const secret = (made: NewSecret | null) => made && dialogs.open<true>((close) => <SecretDialog made={made} close={() => close(true)} />)
  const add = () => run(async () => {
    const wanted = await dialogs.open<Wanted>((close) => <WebhookDialog close={close} />)
    if (wanted) await secret(await fresh(() => calls.add(wanted)))
  })
  const edit = (webhook: Webhook) => run(async () => {
    const wanted = await dialogs.open<Wanted>((close) => <WebhookDialog webhook={webhook} close={close} />)
    if (!wanted) return
    await calls.edit(webhook.id, wanted)
    announce(t('console.webhooks.saved'))
  })
  const remove = (webhook: Webhook) => run(async () => {
    if (!(await dialogs.open<true>((close) => <RemoveDialog url={webhook.url} close={close} />))) return
    await calls.remove(webhook.id)
    announce(t('console.webhooks.removed'))
  })
  const renew = (webhook: Webhook) => run(async () => secret(await fresh(() => calls.renew(webhook.id))))
  const log = (webhook: Webhook) => dialogs.open<true>((close) => <LogDialog webhook={webhook} may={webhooks.data?.can_change ?? false} close={() => close(true)} />)
  const items = webhooks.data?.items ?? []
  const may = webhooks.data?.can_change ?? false
  return (
    <section>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-4">
        <h2 className="text-lg font-semibold">{t('console.webhooks.title')}</h2>
        {may && <Button onClick={() => void add()}>{t('console.webhooks.add')}</Button>}
      </div>
      <Card>
        {failure && <Notice tone="bad" alert className="m-5">{failure}</Notice>}
        {webhooks.isPending && <Skeleton lines={3} className="p-6" />}
        {webhooks.isError && !webhooks.data && <LoadError error={webhooks.error} retry={() => void webhooks.refetch()} />}
        {webhooks.data && items.length === 0 && <Empty icon="empty" title={t('console.webhooks.none')}>{t('console.webhooks.none_text')}</Empty>}
        {items.length > 0 && (
          <ul className="divide-y divide-line">
            {items.map((webhook) => (
              <li key={webhook.id} className="p-6 max-cards:p-5">
                <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
                  <bdi className="font-semibold [overflow-wrap:anywhere]">{webhook.url}</bdi>
                  <State webhook={webhook} />
                </p>
                <p className="mt-1 text-sm text-muted">{webhook.events.map((group) => t(groupKey[group])).join(', ')}</p>
                {webhook.old_secret_until && <p className="mt-1 text-sm text-muted"><Rich k="console.webhooks.old_secret" parts={{ time: <Time at={webhook.old_secret_until} /> }} /></p>}
                <div className="mt-4 flex flex-wrap gap-3">
                  <Button onClick={() => void log(webhook)}>{t('console.webhooks.log')}</Button>
                  {may && (
                    <>
                      <Button onClick={() => void edit(webhook)}>{t('console.webhooks.edit')}</Button>
                      <Button onClick={() => void run(() => calls.edit(webhook.id, { stopped: !webhook.stopped_at }))}>{t(webhook.stopped_at ? 'console.webhooks.start' : 'console.webhooks.stop')}</Button>
                      <Button onClick={() => void renew(webhook)}>{t('console.webhooks.renew')}</Button>
                      <Button onClick={() => void remove(webhook)}>{t('console.webhooks.remove')}</Button>
                    </>
                  )}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Card>
    </section>
  )
}

function State({ webhook }: { webhook: Webhook }) {
  const { t } = useT()
  if (webhook.stopped_at) return <Badge tone="plain" icon="off">{t('console.webhooks.stopped')}</Badge>
  if (webhook.failing_since) return <Badge tone="warn" icon="warn">{t('console.webhooks.failing')}</Badge>
  return <Badge tone="good" icon="tick">{t('console.webhooks.on')}</Badge>
}

interface Wanted { url: string; events: Group[] }

function WebhookDialog({ webhook, close }: { webhook?: Webhook; close: (wanted: Wanted | null) => void }) {
  const { t } = useT()
  const [url, setUrl] = useState(webhook?.url ?? 'https://')
  const [events, setEvents] = useState<readonly Group[]>(webhook?.events ?? groups)
  const [checked, setChecked] = useState(false)
  const bad = !/^https:\/\/[^\s/]+/.test(url.trim())
  function submit(event: FormEvent) {
    event.preventDefault()
    setChecked(true)
    if (!bad && events.length > 0) close({ url: url.trim(), events: groups.filter((group) => events.includes(group)) })
  }
  return (
    <Modal title={t(webhook ? 'console.webhooks.edit_title' : 'console.webhooks.add')} onCancel={() => close(null)}>
      <form onSubmit={submit} noValidate className="contents">
        <div className="mt-5 space-y-5">
          <Field label={t('console.webhooks.url')} hint={t('console.webhooks.url_hint')} type="url" inputMode="url" autoComplete="off" value={url} error={checked && bad ? t('console.webhooks.url_needed') : null} onChange={(event) => setUrl(event.target.value)} />
          <fieldset>
            <legend className="mb-2 text-sm font-medium">{t('console.webhooks.events')}</legend>
            {groups.map((group) => (
              <label key={group} className="flex min-h-9 items-center gap-3">
                <input type="checkbox" className="size-5 accent-accent" checked={events.includes(group)} onChange={(event) => setEvents(event.target.checked ? [...events, group] : events.filter((one) => one !== group))} />
                {t(groupKey[group])}
              </label>
            ))}
            {checked && events.length === 0 && <p className="mt-1.5 text-sm text-bad" role="alert">{t('console.webhooks.events_needed')}</p>}
          </fieldset>
        </div>
        <ModalActions>
          <Button look="primary" type="submit">{t(webhook ? 'common.save' : 'console.webhooks.add')}</Button>
          <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}

function SecretDialog({ made, close }: { made: NewSecret; close: () => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.webhooks.secret_title')} onCancel={close} wide>
      <p className="mt-3 mb-5 text-muted">{t('console.webhooks.secret_text')}</p>
      <CopyField label={t('console.webhooks.secret')} value={made.secret} />
      <ModalActions><Button look="primary" onClick={close}>{t('common.done')}</Button></ModalActions>
    </Modal>
  )
}

function RemoveDialog({ url, close }: { url: string; close: (sure: true | null) => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.webhooks.remove_title')} onCancel={() => close(null)}>
      <p className="mt-3 [overflow-wrap:anywhere]"><Rich k="console.webhooks.remove_text" parts={{ url: <bdi>{url}</bdi> }} /></p>
      <ModalActions>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        <Button look="danger" onClick={() => close(true)}>{t('console.webhooks.remove')}</Button>
      </ModalActions>
    </Modal>
  )
}

const stateKey: Record<Delivery['state'], { key: Key; tone: BadgeTone }> = {
  waiting: { key: 'console.webhooks.state_waiting', tone: 'plain' },
  delivered: { key: 'console.webhooks.state_delivered', tone: 'good' },
  failed: { key: 'console.webhooks.state_failed', tone: 'bad' },
}

/** What was sent, asked for again every two seconds while something is on its way, and now and then for what is new. */
function LogDialog({ webhook, may, close }: { webhook: Webhook; may: boolean; close: () => void }) {
  const { t, language } = useT()
  const session = useSession()
  const [failure, setFailure] = useState<string | null>(null)
  const log = useQuery({
    queryKey: keyOf(session, 'webhooks', webhook.id), queryFn: () => calls.deliveries(webhook.id),
    refetchOnMount: 'always', // the last look may be older than the last event
    refetchInterval: (query) => (query.state.data?.items.some((one) => one.state === 'waiting') ? 2000 : 10_000),
  })
  async function send(work: () => Promise<unknown>) {
    setFailure(null)
    try {
      await work()
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    await log.refetch()
  }
  const items = log.data?.items ?? []
  return (
    <Modal title={t('console.webhooks.log_title')} onCancel={close} side>
      <p className="mt-2 text-sm text-muted [overflow-wrap:anywhere]"><bdi>{webhook.url}</bdi></p>
      {may && <div className="mt-5"><Button onClick={() => void send(() => calls.test(webhook.id))}>{t('console.webhooks.test')}</Button></div>}
      {failure && <Notice tone="bad" alert className="mt-5">{failure}</Notice>}
      <div className="mt-5 border-t border-line">
        {log.isPending && <Skeleton lines={4} className="py-6" />}
        {log.isError && !log.data && <LoadError error={log.error} retry={() => void log.refetch()} />}
        {log.data && items.length === 0 && <Empty icon="empty" title={t('console.webhooks.log_none')}>{t('console.webhooks.log_none_text')}</Empty>}
        <ul className="divide-y divide-line">
          {items.map((one) => (
            <li key={one.id} className="py-4">
              <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <code className="font-mono text-sm">{one.type}</code>
                <Badge tone={stateKey[one.state].tone}>{t(stateKey[one.state].key)}</Badge>
              </p>
              <p className="mt-1 text-sm text-muted [overflow-wrap:anywhere]">
                <Time at={one.created_at} />
                {one.tried_at && <> · {one.status ? t('console.webhooks.answered', { status: one.status, ms: one.took_ms, count: one.attempts }) : t('console.webhooks.unanswered', { count: one.attempts })}</>}
                {one.error && <> · {one.error}</>}
              </p>
              <details className="mt-2 text-sm">
                <summary className="cursor-pointer font-medium">{t('console.webhooks.body')}</summary>
                <pre tabIndex={0} className="mt-2 overflow-x-auto rounded-lg border border-line bg-sunken p-3 text-xs">{JSON.stringify(one.body, null, 2)}</pre>
              </details>
              {may && (!webhook.stopped_at || one.type === 'webhook.test') && one.state !== 'waiting' && <Button className="mt-3" onClick={() => void send(() => calls.resend(webhook.id, one.id))}>{t('console.webhooks.resend')}</Button>}
            </li>
          ))}
        </ul>
      </div>
      <ModalActions><Button onClick={close}>{t('common.done')}</Button></ModalActions>
    </Modal>
  )
}
