// "Teams": what the directory calls groups.

import { useInfiniteQuery } from '@tanstack/react-query'
import { api } from '../api'
import { useT } from '../i18n'
import { keyOf, useSession } from '../session'
import { useTitle } from '../shell/title'
import { Button } from '../ui/button'
import { Badge, Card, Empty, LoadError, PageHead, Skeleton, Time } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'

export function TeamsPage() {
  const { t } = useT()
  useTitle(t('console.nav.teams'))
  return (
    <>
      <PageHead title={t('console.nav.teams')} />
      <Card className="overflow-hidden"><List /></Card>
    </>
  )
}

function List() {
  const { t, language } = useT()
  const session = useSession()
  const teams = useInfiniteQuery({
    queryKey: keyOf(session, 'teams'),
    queryFn: ({ pageParam }) => api.teams(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  })
  const items = teams.data?.pages.flatMap((page) => page.items) ?? []
  if (teams.isPending) return <Skeleton lines={5} className="p-6" />
  if (teams.isError && items.length === 0) return <LoadError error={teams.error} retry={() => void teams.refetch()} />
  if (items.length === 0) return <Empty icon="teams" title={t('console.teams.none')}>{t('console.teams.none_text')}</Empty>
  return (
    <>
      <Table heads={[{ key: 'console.teams.name' }, { key: 'console.teams.members' }, { key: 'console.teams.source' }, { key: 'console.teams.created' }]}>
        {items.map((team) => (
          <Row key={team.id}>
            <Cell><bdi className="font-semibold [overflow-wrap:anywhere]">{team.name}</bdi></Cell>
            <Cell label={t('console.teams.members')}><span className="tabular-nums">{new Intl.NumberFormat(language).format(team.members)}</span></Cell>
            <Cell label={t('console.teams.source')}><Badge tone={team.source === 'directory' ? 'accent' : 'plain'}>{t(team.source === 'directory' ? 'console.members.directory' : 'console.members.local')}</Badge></Cell>
            <Cell label={t('console.teams.created')}><Time at={team.created_at} /></Cell>
          </Row>
        ))}
      </Table>
      {teams.hasNextPage && (
        <div className="border-t border-line p-4 text-center">
          <Button busy={teams.isFetchingNextPage} onClick={() => void teams.fetchNextPage()}>{t('console.more')}</Button>
        </div>
      )}
    </>
  )
}
