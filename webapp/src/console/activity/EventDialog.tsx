// One event with everything that is known of it, and its seal.

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ApiError } from '../../shared/api'
import { useT, type Key } from '../i18n'
import { keyOf, useSession } from '../session'
import { Button } from '../ui/button'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Badge, LoadError, Rich, Skeleton, Time } from '../ui/parts'
import { activityApi } from './api'
import type { ActivitySearch } from './search'
import { deviceOf, sentenceOf, whoOf } from './sentences'
import type { ActivityDetail } from './types'

interface EventProps { id: string; search: ActivitySearch; close: () => void; go: (next: Partial<ActivitySearch>) => void }

export function EventDialog({ id, close, go }: EventProps) {
  const { t } = useT()
  const session = useSession()
  const event = useQuery({
    queryKey: keyOf(session, 'activity-event', id), queryFn: () => activityApi.event(id), retry: (n, error) => n < 2 && !(error instanceof ApiError),
    refetchInterval: ({ state }) => (state.data && !state.data.sealed ? 1_500 : false),
  })
  const gone = event.error instanceof ApiError && event.error.status === 404
  return (
    <Modal title={t('console.activity.one')} side onCancel={close}>
      {event.isPending && <Skeleton lines={8} className="mt-6" />}
      {gone && <Notice tone="info" className="mt-5">{t('console.activity.gone')}</Notice>}
      {event.isError && !event.data && !gone && <LoadError error={event.error} retry={() => void event.refetch()} />}
      {event.data && <Detail event={event.data} go={go} />}
      <ModalActions><Button onClick={close}>{t('common.close')}</Button></ModalActions>
    </Modal>
  )
}

/** All that is known of an event; without `go` it leads nowhere else. */
export function Detail({ event, go }: { event: ActivityDetail; go?: (next: Partial<ActivitySearch>) => void }) {
  const { t, language } = useT()
  const text = (name: string) => (typeof event.detail[name] === 'string' ? String(event.detail[name]) : '')
  const rows: [Key, ReactNode][] = [
    ['console.activity.time', <Time key="at" at={event.at} />],
    ['console.activity.event', <Code key="event">{event.event}</Code>],
    ['console.activity.object', event.object && <><bdi>{event.object.name}</bdi> <Code>{event.object.id}</Code></>],
    ['console.activity.user', <bdi key="who">{whoOf(event, language)}</bdi>],
    ['console.activity.app', event.app],
    ['console.activity.os', event.os],
    ['console.activity.device', deviceOf(event)],
    ['console.activity.location', event.ip && <Code>{event.ip}</Code>],
    ['console.activity.result', t(event.outcome === 'ok' ? 'console.activity.ok' : 'console.activity.refused')],
    ['console.activity.reason', text('reason')],
  ]
  return (
    <>
      <p className="mt-3 text-lg [overflow-wrap:anywhere]"><bdi>{sentenceOf(event, language)}</bdi></p>
      {event.erased && <Notice tone="info" className="mt-4">{t('console.activity.erased')}</Notice>}
      <dl className="mt-5 divide-y divide-line border-y border-line text-sm">
        {rows.filter(([, value]) => value).map(([key, value]) => <Fact key={key} name={t(key)}>{value}</Fact>)}
      </dl>
      <Sealed event={event} />
      {Object.keys(event.detail).length > 0 && (
        <section className="mt-6">
          <h3 className="font-semibold">{t('console.activity.detail')}</h3>
          <pre tabIndex={0} role="region" aria-label={t('console.activity.detail')} translate="no" className="mt-2 max-h-72 overflow-auto rounded-lg border border-line bg-sunken p-3 font-mono text-xs leading-5 [overflow-wrap:anywhere] whitespace-pre-wrap">{JSON.stringify(event.detail, null, 2)}</pre>
        </section>
      )}
      {go && (
        <div className="mt-6 flex flex-wrap gap-3">
          {event.actor.id?.startsWith('ppl_') && <Button onClick={() => go({ person: event.actor.id, object: undefined })}>{t('console.activity.more_person')}</Button>}
          {event.object && <Button onClick={() => go({ object: event.object?.id, person: undefined })}>{t('console.activity.more_object')}</Button>}
        </div>
      )}
    </>
  )
}

function Sealed({ event }: { event: ActivityDetail }) {
  const { t, language } = useT()
  const n = (value: number) => new Intl.NumberFormat(language).format(value)
  return (
    <section className="mt-6">
      <h3 className="flex flex-wrap items-center gap-3 font-semibold">
        {t('console.activity.seal')}
        <Badge tone={event.sealed ? 'good' : 'plain'} icon={event.sealed ? 'lock' : 'clock'}>{t(event.sealed ? 'console.activity.sealed' : 'console.activity.not_sealed')}</Badge>
      </h3>
      {!event.sealed && <p className="mt-2 text-sm text-muted">{t('console.activity.waiting')}</p>}
      {event.seal && (
        <>
          <p className="mt-2 text-sm text-muted"><Rich k="console.activity.seal_text" values={{ n: n(event.position ?? 0), first: n(event.seal.first), last: n(event.seal.last) }} parts={{ time: <Time at={event.seal.sealed_at} /> }} /></p>
          <dl className="mt-3 divide-y divide-line border-y border-line text-sm">
            <Fact name={t('console.activity.hash')}><Code>{event.seal.hash}</Code></Fact>
            <Fact name={t('console.activity.key')}><Code>{event.seal.fingerprint}</Code></Fact>
          </dl>
        </>
      )}
    </section>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid gap-x-4 gap-y-0.5 py-2 cards:grid-cols-[10rem_minmax(0,1fr)]">
      <dt className="text-muted">{name}</dt>
      <dd className="[overflow-wrap:anywhere]">{children}</dd>
    </div>
  )
}

function Code({ children }: { children: ReactNode }) {
  return <code className="font-mono text-xs [overflow-wrap:anywhere]" translate="no">{children}</code>
}
