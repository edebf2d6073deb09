// People and teams that a provider deleted, and that can be brought back for 30 days.

import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { errorText } from '../../errors'
import { useT, type Key } from '../../i18n'
import { keyOf, mayManagePeople, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button } from '../../ui/button'
import { Notice } from '../../ui/notice'
import { Card, Empty, LoadError, Skeleton, Time, useNow } from '../../ui/parts'
import { Cell, Row, Table } from '../../ui/table'
import { directoryApi } from '../api'
import { DirectoryPage } from '../frame'
import { More, Part } from '../parts'
import type { Deleted } from '../types'

export function DeletedPage() {
  const { t } = useT()
  return (
    <DirectoryPage title="console.dir.deleted" lead={t('console.gone.lead')}>
      <div className="space-y-9">
        <List what="people" title="console.gone.people" none="console.gone.no_people" />
        <List what="teams" title="console.gone.teams" none="console.gone.no_teams" />
      </div>
    </DirectoryPage>
  )
}

function List({ what, title, none }: { what: 'people' | 'teams'; title: Key; none: Key }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const announce = useAnnounce()
  const manage = mayManagePeople(session)
  const [error, setError] = useState<string | null>(null)
  const deleted = useInfiniteQuery({
    queryKey: keyOf(session, 'deleted', what), queryFn: ({ pageParam }) => directoryApi.deleted(what, pageParam), initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next || undefined,
  })
  const restore = useMutation({
    mutationFn: (one: Deleted) => directoryApi.restore(what, one.id),
    onMutate: () => setError(null),
    onSuccess: (_, one) => announce(t('console.gone.restored', { name: one.name })),
    onError: (failure) => setError(errorText(t, language, failure)),
    onSettled: () => Promise.all(['deleted', 'people', 'teams'].map((name) => queries.invalidateQueries({ queryKey: keyOf(session, name) }))),
  })
  const items = deleted.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Part title={t(title)}>
      {error && <Notice tone="bad" alert className="mb-4">{error}</Notice>}
      <Card className="overflow-hidden">
        {deleted.isPending && <Skeleton lines={4} className="p-6" />}
        {deleted.isError && !deleted.data && <LoadError error={deleted.error} retry={() => void deleted.refetch()} />}
        {deleted.data && items.length === 0 && <Empty icon="tick" title={t(none)} />}
        {items.length > 0 && (
          <Table heads={[{ key: what === 'people' ? 'console.map.person' : 'console.teams.name' }, { key: 'console.gone.when' }, { key: 'console.gone.until' }, ...(manage ? [{ key: 'console.members.actions', hidden: true } as const] : [])]}>
            {items.map((one) => (
              <Row key={one.id}>
                <Cell><bdi className="font-medium [overflow-wrap:anywhere]">{one.name}</bdi>{one.user_name && <span className="block text-muted [overflow-wrap:anywhere]">{one.user_name}</span>}</Cell>
                <Cell label={t('console.gone.when')}><Time at={one.deleted_at} /></Cell>
                <Cell label={t('console.gone.until')}><DaysLeft until={one.until} /></Cell>
                {manage && (
                  <Cell className="cards:text-right max-cards:mt-2">
                    <Button busy={restore.isPending && restore.variables?.id === one.id} aria-label={t('console.gone.restore_named', { name: one.name })} onClick={() => restore.mutate(one)}>{t('console.gone.restore')}</Button>
                  </Cell>
                )}
              </Row>
            ))}
          </Table>
        )}
        <More query={deleted} />
      </Card>
    </Part>
  )
}

function DaysLeft({ until }: { until: string }) {
  const { t } = useT()
  const now = useNow(60_000)
  const days = Math.max(0, Math.ceil((Date.parse(until) - now.getTime()) / 86_400_000))
  return <span className="whitespace-nowrap" title={`${until.slice(0, 19).replace('T', ' ')} UTC`}>{t('console.gone.days', { count: days })}</span>
}
