// Small pieces of the pages about directory sync.

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useT, type Key } from '../i18n'
import { Button, textLink } from '../ui/button'
import type { IconName } from '../ui/icons'
import { Badge, Card, type BadgeTone } from '../ui/parts'
import { attributeName, kindOf, pieces, shown } from './log/diff'
import type { Call, CallDetail, FieldChange, HealthState, MemberChanges, SyncSentence } from './types'
import { Said } from './frame'

const looks: Record<string, { tone: BadgeTone; icon: IconName; word: Key }> = {
  ok: { tone: 'good', icon: 'tick', word: 'console.log.ok' },
  unchanged: { tone: 'plain', icon: 'tick', word: 'console.log.unchanged' },
  failed: { tone: 'bad', icon: 'stop', word: 'console.log.failed' },
  rejected: { tone: 'bad', icon: 'lock', word: 'console.log.rejected' },
  slowed: { tone: 'warn', icon: 'clock', word: 'console.log.slowed' },
  resolved: { tone: 'good', icon: 'check', word: 'console.log.resolved' },
}

/** How a call went: an icon and a word. A refusal that has come right is resolved. */
export function ResultBadge({ call }: { call: Pick<Call, 'result' | 'resolved_at'> }) {
  const { t } = useT()
  const look = looks[call.resolved_at ? 'resolved' : call.result]
  return <Badge tone={look?.tone ?? 'plain'} icon={look?.icon}>{look ? t(look.word) : call.result}</Badge>
}

export const healthLooks: Record<HealthState, { tone: BadgeTone; icon: IconName; word: Key }> = {
  never_called: { tone: 'accent', icon: 'clock', word: 'console.status.waiting' },
  initial: { tone: 'accent', icon: 'clock', word: 'console.status.initial' },
  healthy: { tone: 'good', icon: 'tick', word: 'console.status.healthy' },
  slowed_down: { tone: 'warn', icon: 'clock', word: 'console.status.slowed_down' },
  attention: { tone: 'warn', icon: 'warn', word: 'console.status.attention' },
  silent: { tone: 'warn', icon: 'warn', word: 'console.status.silent' },
  stopped: { tone: 'bad', icon: 'off', word: 'console.status.stopped' },
}

/** Sentences of the service; what no row of the log states is said to be inferred. */
export function Sentences({ sentences, className = '' }: { sentences: SyncSentence[]; className?: string }) {
  const { t } = useT()
  return (
    <ul className={`space-y-2 ${className}`}>
      {sentences.map((one) => (
        <li key={one.code}>
          <Said times={one.times}>{one.text}</Said>
          {one.inferred && <span className="text-muted"> ({t('console.dir.inferred')})</span>}
        </li>
      ))}
    </ul>
  )
}

/** What changed: attribute, before, after. */
export function Changes({ changes, members }: { changes: FieldChange[]; members?: MemberChanges }) {
  const { t, language } = useT()
  const count = (n: number) => new Intl.NumberFormat(language).format(n)
  return (
    <div className="space-y-3">
      {changes.length > 0 && (
        <table className="w-full table-fixed text-left text-sm">
          <thead>
            <tr className="text-muted">
              <th scope="col" className="w-2/6 py-1.5 pr-3 font-medium">{t('console.log.attribute')}</th>
              <th scope="col" className="w-2/6 py-1.5 pr-3 font-medium">{t('console.log.before')}</th>
              <th scope="col" className="w-2/6 py-1.5 font-medium">{t('console.log.after')}</th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line border-t border-line">
            {changes.map((change) => <ChangeRow key={change.attribute} change={change} />)}
          </tbody>
        </table>
      )}
      {members && (
        <p className="text-sm">
          {[members.added > 0 && t('console.log.members_added', { count: members.added, n: count(members.added) }),
            members.removed > 0 && t('console.log.members_removed', { count: members.removed, n: count(members.removed) }),
            members.unknown > 0 && t('console.log.members_unknown', { count: members.unknown, n: count(members.unknown) })].filter(Boolean).join(' · ')}
        </p>
      )}
      {changes.length === 0 && !members && <p className="text-sm text-muted">{t('console.log.no_changes')}</p>}
    </div>
  )
}

function ChangeRow({ change }: { change: FieldChange }) {
  const { t } = useT()
  const { schema, name } = attributeName(change.attribute)
  const kind = kindOf(change)
  const nothing = <span className="text-muted">{t('console.log.nothing')}</span>
  const value = (text: string | undefined, look: string) => text === undefined ? nothing : <span className={`font-mono [overflow-wrap:anywhere] whitespace-pre-wrap ${look}`} translate="no">{text}</span>
  return (
    <tr className="align-top">
      <th scope="row" className="py-2 pr-3 font-normal [overflow-wrap:anywhere]" title={schema || undefined}><code className="font-mono" translate="no">{name}</code></th>
      <td className="py-2 pr-3">{value(shown(change.before), kind === 'added' ? '' : 'text-muted')}</td>
      <td className="py-2">{value(shown(change.after), kind === 'removed' ? '' : 'font-medium')}</td>
    </tr>
  )
}

const colours = { key: 'text-accent', string: 'text-good', word: 'text-warn', plain: 'text-muted' } as const

/** A body as indented JSON. */
export function Body({ value, label }: { value: unknown; label: string }) {
  return (
    <pre tabIndex={0} role="region" aria-label={label} translate="no" className="max-h-96 overflow-auto rounded-lg border border-line bg-sunken p-3 font-mono text-xs leading-5 whitespace-pre-wrap [overflow-wrap:anywhere]">
      {pieces(value).map((piece, i) => <span key={i} className={colours[piece.kind]}>{piece.text}</span>)}
    </pre>
  )
}

/** The cause of a refusal and what to do. */
export function ReasonBox({ reason, said, level = 'h3' }: { reason: NonNullable<CallDetail['reason']>; said?: string; level?: 'h2' | 'h3' }) {
  const { t } = useT()
  const Heading = level
  return (
    <div className="rounded-lg border border-line bg-bad-soft p-4">
      <Heading className="flex flex-wrap items-baseline gap-x-2 font-semibold"><Said>{reason.title}</Said><code className="font-mono text-sm font-normal text-bad" translate="no">{reason.code}</code></Heading>
      {said && <p className="mt-1.5 [overflow-wrap:anywhere]"><Said>{said}</Said></p>}
      <dl className="mt-3 space-y-2 text-sm">
        <div><dt className="font-medium">{t('console.log.cause')}</dt><dd><Said>{reason.cause}</Said></dd></div>
        <div><dt className="font-medium">{t('console.log.remedy')}</dt><dd><Said>{reason.remedy}</Said></dd></div>
      </dl>
    </div>
  )
}

/** A few calls, each a link to its own page. */
export function CallList({ calls, label }: { calls: Call[]; label: string }) {
  return (
    <ul aria-label={label} className="divide-y divide-line border-y border-line text-sm">
      {calls.map((call) => (
        <li key={call.id} className="flex flex-wrap items-start gap-x-3 gap-y-1 py-2.5">
          <span className="w-28 shrink-0"><ResultBadge call={call} /></span>
          <Link to="/settings/directory/log/$call" params={{ call: call.id }} search={{}} className={`min-w-0 flex-1 basis-60 [overflow-wrap:anywhere] ${textLink} font-normal`}><Said times={call.sentence_times}>{call.sentence}</Said></Link>
          <ShortTime at={call.last_at} />
        </li>
      ))}
    </ul>
  )
}

/** "22 Nov, 14:05:09", for lists of things that are close together. */
export function ShortTime({ at }: { at: string }) {
  const { language } = useT()
  const date = new Date(at)
  const text = new Intl.DateTimeFormat(language === 'de' ? 'de-DE' : 'en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(date)
  return <time dateTime={at} title={`${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`} className="whitespace-nowrap tabular-nums text-muted">{text}</time>
}

/** A part of a page with its heading. */
export function Part({ title, children, lead, className = '' }: { title: string; lead?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={className}>
      <h2 className="text-lg font-semibold">{title}</h2>
      {lead && <p className="mt-1 max-w-3xl text-muted">{lead}</p>}
      <div className="mt-4">{children}</div>
    </section>
  )
}

/** The next page of a list, below it. */
export function More({ query }: { query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown } }) {
  const { t } = useT()
  if (!query.hasNextPage) return null
  return <div className="border-t border-line p-4 text-center"><Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('console.more')}</Button></div>
}

export function Panel({ children }: { children: ReactNode }) {
  return <Card className="p-6 max-cards:p-5">{children}</Card>
}
