// The tab "Notifications": what people are told of, and by which way.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { errorText } from '../errors'
import { useT, type Key } from '../i18n'
import { keyOf, useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { SelectField } from '../ui/field'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'
import { Badge, Card, LoadError, Rich, Skeleton } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'
import { calls, type Group, type Notifications, type Told } from './calls'

const names: Record<string, Key> = {
  'confirmation.request': 'console.notifications.event_confirmation_request',
  'device.added': 'console.notifications.event_device_added',
  'token.viewed': 'console.notifications.event_token_viewed',
  'token.regenerated': 'console.notifications.event_token_regenerated',
  'token.revoked': 'console.notifications.event_token_revoked',
  'token.expiring': 'console.notifications.event_token_expiring',
  'recovery.used': 'console.notifications.event_recovery_used',
  'sync.stopped': 'console.notifications.event_sync_stopped',
  'confirmation.reported': 'console.notifications.event_confirmation_reported',
  'device.changed': 'console.notifications.event_device_changed',
  'recovery.asked': 'console.notifications.event_recovery_asked',
  'token.changed': 'console.notifications.event_token_changed',
  'removal.held': 'console.notifications.event_removal_held',
  'ownership.changed': 'console.notifications.event_ownership_changed',
  'apikey.changed': 'console.notifications.event_apikey_changed',
  'policy.changed': 'console.notifications.event_policy_changed',
  'webhook.stopped': 'console.notifications.event_webhook_stopped',
  'sso.expiring': 'console.notifications.event_sso_expiring',
}

export function NotificationsTab() {
  const { t } = useT()
  const session = useSession()
  const told = useQuery({ queryKey: keyOf(session, 'notifications'), queryFn: calls.notifications })
  return (
    <div className="space-y-10">
      <MailCard told={told.data} />
      <section>
        <h2 className="text-lg font-semibold">{t('console.notifications.title')}</h2>
        <p className="mt-1 mb-4 max-w-prose text-muted">{t('console.notifications.text')}</p>
        <Card className="overflow-hidden">
          {told.isPending && <Skeleton lines={8} className="p-6" />}
          {told.isError && !told.data && <LoadError error={told.error} retry={() => void told.refetch()} />}
          {told.data && <Events told={told.data} />}
        </Card>
        <p className="mt-3 max-w-prose text-sm text-muted">{t('console.notifications.webhook_hint')}</p>
      </section>
    </div>
  )
}

/** Changes what is mailed; what the service answers is what is shown. */
function useChange(told: Notifications) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const announce = useAnnounce()
  const [failure, setFailure] = useState<string | null>(null)
  async function change(body: { language?: string; off?: string[] }) {
    setFailure(null)
    const key = keyOf(session, 'notifications')
    const want = { language: told.language, off: told.events.filter((event) => !event.mail && !event.push).map((event) => event.event), ...body }
    queries.setQueryData(key, { ...told, language: want.language, events: told.events.map((event) => (event.push ? event : { ...event, mail: !want.off.includes(event.event) })) })
    try {
      queries.setQueryData(key, await calls.change(want))
      announce(t('console.notifications.saved'))
    } catch (error) {
      queries.setQueryData(key, told)
      setFailure(errorText(t, language, error))
    }
  }
  return { change, failure }
}

function Events({ told }: { told: Notifications }) {
  const { t } = useT()
  const { change, failure } = useChange(told)
  const hooked = useHooked()
  const off = told.events.filter((event) => !event.mail && !event.push).map((event) => event.event)
  const turn = (event: Told) => change({ off: event.mail ? [...off, event.event] : off.filter((name) => name !== event.event) })
  return (
    <>
      {failure && <Notice tone="bad" alert className="m-5">{failure}</Notice>}
      <Table heads={[{ key: 'console.notifications.event' }, { key: 'console.notifications.console' }, { key: 'console.notifications.push' }, { key: 'console.notifications.mail' }, { key: 'console.notifications.webhook' }]}>
        {told.events.map((event) => (
          <Row key={event.event}>
            <Cell className="max-cards:font-medium">
              <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
                {t(names[event.event] ?? 'console.notifications.event_else')}
                {event.enforced && <Badge tone="plain" icon="lock">{t('console.notifications.enforced')}</Badge>}
              </span>
            </Cell>
            <Cell label={t('console.notifications.console')}><Mark on={!event.push} /></Cell>
            <Cell label={t('console.notifications.push')}><Mark on={event.push || event.news} /></Cell>
            <Cell label={t('console.notifications.mail')}>
              {event.push || event.enforced || !told.can_change
                ? <Mark on={event.mail && told.mail.on} />
                : (
                  <label className="flex min-h-6 items-center gap-2">
                    <input type="checkbox" className="size-5 accent-accent" checked={event.mail} onChange={() => void turn(event)} aria-label={t('console.notifications.mail_named', { event: t(names[event.event] ?? 'console.notifications.event_else') })} />
                  </label>
                )}
            </Cell>
            <Cell label={t('console.notifications.webhook')}><Mark on={hooked.has(groupOf[event.event] ?? '')} /></Cell>
          </Row>
        ))}
      </Table>
    </>
  )
}

/** Which webhook events tell a system of the same thing; what has none is told to people alone. */
const groupOf: Record<string, Group> = {
  'confirmation.request': 'confirmation', 'confirmation.reported': 'confirmation', 'token.viewed': 'token', 'token.regenerated': 'token', 'token.revoked': 'token',
  'token.expiring': 'token', 'token.changed': 'token',
}

/** What some running webhook is told of. */
function useHooked(): ReadonlySet<string> {
  const session = useSession()
  const { data } = useQuery({ queryKey: keyOf(session, 'webhooks'), queryFn: calls.webhooks })
  return new Set(data?.items.filter((one) => !one.stopped_at).flatMap((one) => one.events))
}

function Mark({ on }: { on: boolean }) {
  const { t } = useT()
  return on
    ? <span className="text-good"><Icon name="check" /><span className="sr-only">{t('console.notifications.yes')}</span></span>
    : <span className="text-muted"><span aria-hidden="true">–</span><span className="sr-only">{t('console.notifications.no')}</span></span>
}

function MailCard({ told }: { told: Notifications | undefined }) {
  const { t } = useT()
  return (
    <section>
      <h2 className="mb-4 text-lg font-semibold">{t('console.notifications.mails')}</h2>
      <Card className="p-6 max-cards:p-5">
        {!told && <Skeleton lines={2} />}
        {told && !told.mail.on && <Notice tone="info">{t('console.notifications.mail_off')}</Notice>}
        {told?.mail.on && <MailSettings told={told} />}
      </Card>
    </section>
  )
}

function MailSettings({ told }: { told: Notifications }) {
  const { t, language } = useT()
  const { change, failure } = useChange(told)
  const announce = useAnnounce()
  const [busy, setBusy] = useState(false)
  const [result, setResult] = useState<{ good: boolean; text: string } | null>(null)
  async function test() {
    setBusy(true)
    setResult(null)
    try {
      const { to } = await calls.testMail()
      const text = t('console.notifications.test_sent', { to })
      setResult({ good: true, text })
      announce(text)
    } catch (error) {
      setResult({ good: false, text: errorText(t, language, error) })
    }
    setBusy(false)
  }
  return (
    <>
      <p className="[overflow-wrap:anywhere]"><Rich k="console.notifications.mail_on" parts={{ from: <bdi className="font-medium">{told.mail.from}</bdi> }} /></p>
      <div className="mt-5 flex flex-wrap items-end gap-4">
        <div className="min-w-48">
          <SelectField label={t('console.notifications.language')} value={told.language} disabled={!told.can_change} onChange={(event) => void change({ language: event.target.value })}>
            <option value="en">English</option>
            <option value="de">Deutsch</option>
          </SelectField>
        </div>
        <Button busy={busy} onClick={() => void test()}>{t('console.notifications.test')}</Button>
      </div>
      {failure && <Notice tone="bad" alert className="mt-5">{failure}</Notice>}
      {result && <Notice tone={result.good ? 'good' : 'bad'} alert={!result.good} className="mt-5">{result.text}</Notice>}
    </>
  )
}
