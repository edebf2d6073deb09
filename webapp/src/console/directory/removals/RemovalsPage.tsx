// Removals that the guard held: what a provider took at once and nobody has looked at yet, what was decided, and when the guard holds.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState, type FormEvent } from 'react'
import { errorText } from '../../errors'
import { useT, type Key } from '../../i18n'
import { keyOf, mayManagePeople, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button, textLink } from '../../ui/button'
import { Field } from '../../ui/field'
import type { IconName } from '../../ui/icons'
import { Notice } from '../../ui/notice'
import { Badge, Card, Empty, LoadError, Rich, Skeleton, Time, type BadgeTone } from '../../ui/parts'
import { Cell, Row, Table } from '../../ui/table'
import { directoryApi } from '../api'
import { DirectoryPage, Said } from '../frame'
import { More, Part } from '../parts'
import type { Guard, Removal } from '../types'

export const kindWords: Record<Removal['kind'], Key> = { people: 'console.removal.people', members: 'console.removal.members', roles: 'console.removal.roles' }
const states: Record<Removal['state'], { tone: BadgeTone; icon: IconName; word: Key }> = {
  held: { tone: 'warn', icon: 'clock', word: 'console.removal.held' },
  allowed: { tone: 'plain', icon: 'check', word: 'console.removal.allowed' },
  kept: { tone: 'good', icon: 'tick', word: 'console.removal.kept' },
}

export function StateBadge({ state }: { state: Removal['state'] }) {
  const { t } = useT()
  const look = states[state]
  return <Badge tone={look.tone} icon={look.icon}>{t(look.word)}</Badge>
}

export function shownCount(language: string, items: number): string {
  const n = new Intl.NumberFormat(language)
  return items > 10_000 ? `> ${n.format(10_000)}` : n.format(items)
}

export function RemovalsPage() {
  const { t } = useT()
  return (
    <DirectoryPage title="console.dir.removals" lead={t('console.removal.lead')}>
      <div className="space-y-9">
        <List />
        <Part title={t('console.guard.title')} lead={t('console.guard.lead')}><GuardCard /></Part>
      </div>
    </DirectoryPage>
  )
}

function List() {
  const { t, language } = useT()
  const session = useSession()
  const removals = useInfiniteQuery({
    queryKey: keyOf(session, 'removals'), queryFn: ({ pageParam }) => directoryApi.removals(false, pageParam), initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined, refetchInterval: 15_000,
  })
  const items = removals.data?.pages.flatMap((page) => page.items) ?? []
  const held = items.filter((one) => one.state === 'held').length
  if (removals.isPending) return <Card className="p-6"><Skeleton lines={5} /></Card>
  if (removals.isError && !removals.data) return <Card><LoadError error={removals.error} retry={() => void removals.refetch()} /></Card>
  return (
    <div>
      <div role="status">{held > 0 && <Notice tone="warn" className="mb-4">{t('console.removal.waiting', { count: held })}</Notice>}</div>
      <Card className="overflow-hidden">
        {items.length === 0 ? <Empty icon="tick" title={t('console.removal.none')}>{t('console.removal.none_text')}</Empty> : (
          <Table heads={[{ key: 'console.removal.what' }, { key: 'console.removal.state' }, { key: 'console.removal.count' }, { key: 'console.removal.when' }]}>
            {items.map((one) => (
              <Row key={one.id}>
                <Cell>
                  <Link to="/settings/directory/removals/$removal" params={{ removal: one.id }} className={`${textLink} [overflow-wrap:anywhere]`}>{t(kindWords[one.kind])}</Link>
                  <span className="mt-0.5 block text-muted [overflow-wrap:anywhere]"><Said>{one.reason}</Said></span>
                </Cell>
                <Cell label={t('console.removal.state')}>
                  <StateBadge state={one.state} />
                  {one.decided_by && <span className="mt-1 block text-muted"><Rich k="console.tokens.by" parts={{ name: <bdi>{one.decided_by}</bdi> }} /></span>}
                </Cell>
                <Cell label={t('console.removal.count')}><span className="whitespace-nowrap tabular-nums">{shownCount(language, one.items)}</span></Cell>
                <Cell label={t('console.removal.when')}><Time at={one.opened_at} /></Cell>
              </Row>
            ))}
          </Table>
        )}
        <More query={removals} />
      </Card>
    </div>
  )
}

function GuardCard() {
  const session = useSession()
  const guard = useQuery({ queryKey: keyOf(session, 'guard'), queryFn: directoryApi.guard })
  if (guard.isPending) return <Card className="p-6"><Skeleton lines={4} /></Card>
  if (guard.isError && !guard.data) return <Card><LoadError error={guard.error} retry={() => void guard.refetch()} /></Card>
  return <Card className="p-6 max-cards:p-5">{guard.data && <GuardForm key={JSON.stringify(guard.data)} guard={guard.data} />}</Card>
}

function whole(text: string, most: number): number | null {
  return /^\d{1,6}$/.test(text.trim()) && Number(text) <= most ? Number(text) : null
}

function GuardForm({ guard }: { guard: Guard }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const announce = useAnnounce()
  const manage = mayManagePeople(session)
  const [enabled, setEnabled] = useState(guard.enabled)
  const [count, setCount] = useState(String(guard.count))
  const [percent, setPercent] = useState(String(guard.percent))
  const next = { enabled, count: whole(count, 100_000), percent: whole(percent, 100) }
  const changed = enabled !== guard.enabled || next.count !== guard.count || next.percent !== guard.percent
  const save = useMutation({
    mutationFn: (wanted: Guard) => directoryApi.saveGuard(wanted),
    onSuccess: (saved) => { announce(t('console.guard.saved')); queries.setQueryData(keyOf(session, 'guard'), saved) },
  })
  function submit(event: FormEvent) {
    event.preventDefault()
    if (!changed || next.count === null || next.percent === null) return
    save.mutate({ enabled, count: next.count, percent: next.percent })
  }
  return (
    <form onSubmit={submit} noValidate>
      <fieldset disabled={!manage} className="space-y-5">
        <label className="flex items-start gap-3">
          <input type="checkbox" role="switch" className="switch mt-0.5" checked={enabled} onChange={(event) => setEnabled(event.target.checked)} />
          <span><span className="font-medium">{t('console.guard.on')}</span><span className="block text-sm text-muted">{t('console.guard.on_text')}</span></span>
        </label>
        <div className="grid max-w-lg gap-5 cards:grid-cols-2">
          <Field label={t('console.guard.count')} hint={t('console.guard.count_hint')} inputMode="numeric" value={count} disabled={!enabled} error={next.count === null ? t('console.guard.count_bad') : null} onChange={(event) => setCount(event.target.value)} />
          <Field label={t('console.guard.percent')} hint={t('console.guard.percent_hint')} inputMode="numeric" value={percent} disabled={!enabled} error={next.percent === null ? t('console.guard.percent_bad') : null} onChange={(event) => setPercent(event.target.value)} />
        </div>
      </fieldset>
      {enabled && next.count === 0 && next.percent === 0 && <Notice tone="warn" className="mt-5">{t('console.guard.nothing')}</Notice>}
      {!enabled && <Notice tone="warn" className="mt-5">{t('console.guard.off')}</Notice>}
      {save.isError && <Notice tone="bad" alert className="mt-5">{errorText(t, language, save.error)}</Notice>}
      <div className="mt-6 border-t border-line pt-5">
        {manage ? <Button type="submit" look="primary" busy={save.isPending} aria-disabled={!changed}>{t('common.save')}</Button> : <p className="text-sm text-muted">{t('console.dir.read_only')}</p>}
      </div>
    </form>
  )
}
