// Receipts of how people lost their access: what ended, and within how many seconds (F69).

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { ApiError } from '../../../shared/api'
import { clockSeconds, day, utc } from '../../../shared/format'
import { useT, type Key } from '../../i18n'
import { keyOf, useSession } from '../../session'
import { Button, ButtonLink, textLink } from '../../ui/button'
import { Badge, Card, Empty, LoadError, Rich, Skeleton, Time } from '../../ui/parts'
import { Cell, Row, Table } from '../../ui/table'
import { directoryApi } from '../api'
import { DirectoryPage } from '../frame'
import { More } from '../parts'
import type { Offboarding } from '../types'

const causes: Record<Offboarding['cause'], Key> = { deactivated: 'console.receipt.deactivated', deleted: 'console.receipt.deleted' }
const whats: Record<string, Key> = {
  sessions: 'console.receipt.sessions', phones: 'console.receipt.phones', confirmations: 'console.receipt.confirmations', api_keys: 'console.receipt.api_keys',
}

export function OffboardingsPage() {
  const { t } = useT()
  const session = useSession()
  const given = (useSearch({ strict: false }) as { person?: unknown }).person
  const person = typeof given === 'string' && /^\w{1,64}$/.test(given) ? given : undefined
  const all = useInfiniteQuery({
    queryKey: keyOf(session, 'offboardings', person ?? ''), queryFn: ({ pageParam }) => directoryApi.offboardings(person, pageParam), initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  })
  const items = all.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <DirectoryPage title="console.dir.offboarding" lead={t('console.receipt.lead')}>
      {person && <p className="mb-4 text-sm"><Link to="/settings/directory/offboarding" search={{}} className={textLink}>{t('console.receipt.everybody')}</Link></p>}
      <Card className="overflow-hidden">
        {all.isPending && <Skeleton lines={5} className="p-6" />}
        {all.isError && !all.data && <LoadError error={all.error} retry={() => void all.refetch()} />}
        {all.data && items.length === 0 && <Empty icon="tick" title={t('console.receipt.none')}>{t('console.receipt.none_text')}</Empty>}
        {items.length > 0 && (
          <Table heads={[{ key: 'console.map.person' }, { key: 'console.receipt.cause' }, { key: 'console.receipt.ended' }, { key: 'console.receipt.seconds' }, { key: 'console.receipt.when' }]}>
            {items.map((one) => (
              <Row key={one.id}>
                <Cell><Link to="/settings/directory/offboarding/$receipt" params={{ receipt: one.id }} className={`${textLink} [overflow-wrap:anywhere]`}><bdi>{one.person_name}</bdi></Link><span className="block text-muted [overflow-wrap:anywhere]">{one.user_name}</span></Cell>
                <Cell label={t('console.receipt.cause')}><Cause one={one} /></Cell>
                <Cell label={t('console.receipt.ended')}><Ended one={one} /></Cell>
                <Cell label={t('console.receipt.seconds')}><Seconds value={one.seconds} /></Cell>
                <Cell label={t('console.receipt.when')}><Time at={one.ended_at} /></Cell>
              </Row>
            ))}
          </Table>
        )}
        <More query={all} />
      </Card>
    </DirectoryPage>
  )
}

function Cause({ one }: { one: Offboarding }) {
  const { t } = useT()
  return <><Badge tone={one.cause === 'deleted' ? 'warn' : 'plain'}>{t(causes[one.cause])}</Badge><span className="mt-1 block text-muted [overflow-wrap:anywhere]"><Rich k="console.tokens.by" parts={{ name: <bdi>{one.actor_name}</bdi> }} /></span></>
}

function Ended({ one }: { one: Offboarding }) {
  const { t } = useT()
  const counts = one.ended.filter((part) => part.count > 0)
  if (counts.length === 0) return <span className="text-muted">{t('console.receipt.nothing')}</span>
  return <>{counts.map((part) => `${whats[part.what] ? t(whats[part.what] as Key) : part.what} ${part.count}`).join(', ')}</>
}

function Seconds({ value }: { value: number }) {
  return <span className="whitespace-nowrap tabular-nums">{useSpan(value)}</span>
}

/** How long something took: to the millisecond within ten seconds, in minutes and hours where it took longer than a hundred. */
function useSpan(seconds: number): string {
  const { t, language } = useT()
  const value = Math.max(0, seconds)
  if (value < 100) return t('console.receipt.in_seconds', { n: new Intl.NumberFormat(language, { maximumFractionDigits: value < 10 ? 3 : 0 }).format(value) })
  const minutes = Math.round(value / 60)
  if (minutes < 60) return t('console.receipt.in_minutes', { n: minutes })
  return t('console.receipt.in_hours', { h: new Intl.NumberFormat(language).format(Math.floor(minutes / 60)), n: minutes % 60 })
}

/** "22 November 2026, 14:05:09": a receipt is kept, so it has the year, and it counts seconds. */
function Exact({ at }: { at: string }) {
  const { language } = useT()
  const date = new Date(at)
  return <time dateTime={at} title={utc(date)} className="whitespace-nowrap tabular-nums">{day(date, language)}, {clockSeconds(date, language)}</time>
}

export function OffboardingPage() {
  const { t } = useT()
  const session = useSession()
  const { receipt: id } = useParams({ strict: false }) as { receipt: string }
  const receipt = useQuery({ queryKey: keyOf(session, 'offboarding', id), queryFn: () => directoryApi.offboarding(id), retry: (n, error) => n < 2 && !(error instanceof ApiError) })
  const gone = receipt.error instanceof ApiError && receipt.error.status === 404
  return (
    <DirectoryPage title="console.receipt.title">
      <p className="mb-4 text-sm"><Link to="/settings/directory/offboarding" search={{}} className={textLink}>{t('console.receipt.all')}</Link></p>
      <Card className="p-6 max-cards:p-5">
        {receipt.isPending && <Skeleton lines={7} />}
        {gone && <Empty icon="search" title={t('console.receipt.gone')} />}
        {receipt.isError && !receipt.data && !gone && <LoadError error={receipt.error} retry={() => void receipt.refetch()} />}
        {receipt.data && <Receipt one={receipt.data} />}
      </Card>
    </DirectoryPage>
  )
}

function Receipt({ one }: { one: Offboarding }) {
  const { t, language } = useT()
  return (
    <>
      <h2 className="flex flex-wrap items-center gap-3 text-lg font-semibold [overflow-wrap:anywhere]"><bdi>{one.person_name}</bdi><Badge tone={one.cause === 'deleted' ? 'warn' : 'plain'} icon="off">{t(causes[one.cause])}</Badge></h2>
      <p className="text-muted [overflow-wrap:anywhere]">{one.user_name}</p>
      <ol className="mt-5 divide-y divide-line border-y border-line">
        <Line at={one.requested_at} first={one.requested_at}><Rich k="console.receipt.asked" parts={{ name: <bdi>{one.actor_name}</bdi> }} /></Line>
        {one.ended.map((part) => (
          <Line key={part.what} at={part.at} first={one.requested_at}>
            {part.count === 0 ? t('console.receipt.no_part', { what: whats[part.what] ? t(whats[part.what] as Key) : part.what })
              : t('console.receipt.part', { what: whats[part.what] ? t(whats[part.what] as Key) : part.what, n: new Intl.NumberFormat(language).format(part.count) })}
          </Line>
        ))}
        <Line at={one.ended_at} first={one.requested_at}><strong className="font-semibold">{t('console.receipt.off')}</strong></Line>
      </ol>
      <p className="mt-4"><Rich k="console.receipt.within" parts={{ time: <strong className="font-semibold"><Seconds value={one.seconds} /></strong> }} /></p>
      <div className="mt-5 flex flex-wrap gap-3 print:hidden">
        <Button onClick={() => window.print()}>{t('console.receipt.print')}</Button>
        <ButtonLink to="/settings/directory/log" search={{ person: one.person_id }}>{t('console.log.all_of_person')}</ButtonLink>
      </div>
    </>
  )
}

function Line({ at, first, children }: { at: string; first: string; children: React.ReactNode }) {
  const { t } = useT()
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1 py-3">
      <span className="min-w-0 [overflow-wrap:anywhere]">{children}</span>
      <span className="flex flex-wrap items-baseline justify-end gap-x-4 text-sm"><Exact at={at} /><span className="min-w-20 text-right whitespace-nowrap tabular-nums text-muted">{t('console.receipt.later', { span: useSpan((Date.parse(at) - Date.parse(first)) / 1000) })}</span></span>
    </li>
  )
}
