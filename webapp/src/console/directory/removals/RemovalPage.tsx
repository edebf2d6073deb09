// One removal that the guard held: everybody it took, and the decision, which is confirmed on the phone with the code.

import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError } from '../../../shared/api'
import { useConfirm } from '../../confirm/run'
import { errorText, roleKey } from '../../errors'
import { hasKey, useT } from '../../i18n'
import { usePairing } from '../../pairing/open'
import { keyOf, mayManagePeople, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button, textLink } from '../../ui/button'
import { Notice } from '../../ui/notice'
import { Badge, Card, Empty, LoadError, Rich, Skeleton, Time } from '../../ui/parts'
import { Cell, Row, Table } from '../../ui/table'
import { directoryApi } from '../api'
import { DirectoryPage, Said } from '../frame'
import { More, ShortTime } from '../parts'
import type { RemovalDetail, Removed } from '../types'
import { kindWords, shownCount, StateBadge } from './RemovalsPage'

export function RemovalPage() {
  const { t } = useT()
  const session = useSession()
  const { removal: id } = useParams({ strict: false }) as { removal: string }
  const removal = useInfiniteQuery({
    queryKey: keyOf(session, 'removal', id),
    queryFn: ({ pageParam }) => directoryApi.removal(id, pageParam?.person_id, pageParam?.team_id),
    initialPageParam: undefined as Removed | undefined,
    getNextPageParam: (page) => (page.more ? page.removed.at(-1) : undefined),
    retry: (n, error) => n < 2 && !(error instanceof ApiError),
  })
  const first = removal.data?.pages[0]
  const gone = removal.error instanceof ApiError && removal.error.status === 404
  return (
    <DirectoryPage title="console.dir.removals">
      <p className="mb-4 text-sm"><Link to="/settings/directory/removals" className={textLink}>{t('console.removal.all')}</Link></p>
      {removal.isPending && <Card className="p-6"><Skeleton lines={7} /></Card>}
      {gone && <Card><Empty icon="search" title={t('console.removal.gone')} /></Card>}
      {removal.isError && !first && !gone && <Card><LoadError error={removal.error} retry={() => void removal.refetch()} /></Card>}
      {first && (
        <>
          <Decision removal={first} />
          <Card className="mt-6 overflow-hidden">
            <Items items={removal.data?.pages.flatMap((page) => page.removed) ?? []} kind={first.kind} decided={first.state !== 'held'} />
            <More query={removal} />
          </Card>
        </>
      )}
    </DirectoryPage>
  )
}

function Decision({ removal }: { removal: RemovalDetail }) {
  const { t, language } = useT()
  const session = useSession()
  const manage = mayManagePeople(session)
  return (
    <Card className="p-6 max-cards:p-5">
      <h2 className="flex flex-wrap items-center gap-3 text-lg font-semibold">{t(kindWords[removal.kind])}<StateBadge state={removal.state} /></h2>
      <p className="mt-2"><Said>{removal.reason}</Said></p>
      <p className="mt-1 text-sm text-muted"><Rich k="console.removal.opened" parts={{ name: <bdi>{removal.opened_by}</bdi>, time: <Time at={removal.opened_at} />, n: shownCount(language, removal.items) }} /></p>
      {removal.decided_at && removal.decided_by && <p className="mt-1 text-sm text-muted"><Rich k="console.removal.decided" parts={{ name: <bdi>{removal.decided_by}</bdi>, time: <Time at={removal.decided_at} /> }} /></p>}
      {removal.state === 'held' && (manage ? <Decide removal={removal} /> : <p className="mt-4 text-sm text-muted">{t('console.dir.read_only')}</p>)}
    </Card>
  )
}

function Decide({ removal }: { removal: RemovalDetail }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const confirm = useConfirm()
  const pair = usePairing()
  const announce = useAnnounce()
  const [error, setError] = useState<string | null>(null)
  async function decide(what: 'allow' | 'keep') {
    setError(null)
    try {
      const outcome = await confirm<RemovalDetail>(
        { action: what === 'allow' ? 'directory.removal.allow' : 'directory.removal.keep', resource: `removal:${removal.id}` },
        what === 'allow' ? 'console.removal.after_allow' : 'console.removal.after_keep', ({ id }) => directoryApi.decide(removal.id, what, id))
      if (outcome?.kind === 'no_device') return void pair()
      if (outcome?.kind === 'done') announce(t(what === 'allow' ? 'console.removal.allowed_said' : 'console.removal.kept_said'))
    } catch (failure) {
      setError(errorText(t, language, failure))
    }
    await Promise.all(['removal', 'removals', 'people', 'teams', 'deleted'].map((name) => queries.invalidateQueries({ queryKey: keyOf(session, name) })))
  }
  return (
    <div className="mt-5 border-t border-line pt-5">
      <p className="mb-4">{t('console.removal.question')}</p>
      <div className="flex flex-wrap gap-3">
        <Button look="primary" onClick={() => void decide('keep')}>{t('console.removal.keep')}</Button>
        <Button look="danger" onClick={() => void decide('allow')}>{t('console.removal.allow')}</Button>
      </div>
      <ul className="mt-4 list-disc space-y-1 ps-5 text-sm text-muted"><li>{t('console.removal.keep_text')}</li><li>{t('console.removal.allow_text')}</li></ul>
      {error && <Notice tone="bad" alert className="mt-4">{error}</Notice>}
    </div>
  )
}

function Items({ items, kind, decided }: { items: Removed[]; kind: RemovalDetail['kind']; decided: boolean }) {
  const { t } = useT()
  return (
    <Table heads={[
      { key: 'console.map.person' }, ...(kind === 'members' ? [{ key: 'console.members.team' } as const] : []), ...(kind === 'roles' ? [{ key: 'console.removal.role_was' } as const] : []),
      { key: 'console.removal.at' }, ...(decided ? [{ key: 'console.removal.outcome' } as const] : []),
    ]}
    >
      {items.map((one) => (
        <Row key={`${one.person_id ?? ''} ${one.team_id ?? ''}`}>
          <Cell><bdi className="font-medium [overflow-wrap:anywhere]">{one.person_name ?? (one.person_id ? one.person_id : t('console.removal.whole_team'))}</bdi>{one.user_name && <span className="block text-muted [overflow-wrap:anywhere]">{one.user_name}</span>}</Cell>
          {kind === 'members' && <Cell label={t('console.members.team')}><bdi className="[overflow-wrap:anywhere]">{one.team_name ?? one.team_id ?? ''}</bdi></Cell>}
          {kind === 'roles' && <Cell label={t('console.removal.role_was')}>{one.role && one.role in roleKey ? t(roleKey[one.role as keyof typeof roleKey]) : one.role}</Cell>}
          <Cell label={t('console.removal.at')}><ShortTime at={one.at} /></Cell>
          {decided && <Cell label={t('console.removal.outcome')}>{one.outcome ? <Outcome word={one.outcome} /> : <span className="text-muted">—</span>}</Cell>}
        </Row>
      ))}
    </Table>
  )
}

function Outcome({ word }: { word: string }) {
  const { t } = useT()
  if (word === 'restored') return <Badge tone="good" icon="tick">{t('console.removal.restored')}</Badge>
  const key = `console.error.${word}`
  return <span className="text-warn">{hasKey(key) ? t(key) : word.replaceAll('_', ' ')}</span>
}
