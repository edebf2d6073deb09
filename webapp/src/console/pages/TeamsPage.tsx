// "Teams": what the directory calls groups.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useId, useState } from 'react'
import { directoryApi } from '../directory/api'
import { ruleOf } from '../directory/rules/order'
import { roleKey } from '../errors'
import { useT } from '../i18n'
import { keyOf, mayConfigure, useSession } from '../session'
import { useTitle } from '../shell/title'
import { Button, ButtonLink, textLink } from '../ui/button'
import { Badge, Card, Empty, LoadError, PageHead, Skeleton, Time } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'

interface TeamsSearch { q?: string; after?: string }

function readTeams(search: Record<string, unknown>): TeamsSearch {
  const { q, after } = search
  return {
    ...((typeof q === 'string' || typeof q === 'number') && q !== '' ? { q: String(q).slice(0, 200) } : {}),
    ...(typeof after === 'string' && /^[\w-]{1,200}$/.test(after) ? { after } : {}),
  }
}

export function TeamsPage() {
  const { t } = useT()
  const navigate = useNavigate()
  const search = readTeams(useSearch({ strict: false }) as Record<string, unknown>)
  useTitle(t('console.nav.teams'))
  const go = (next: TeamsSearch, replace: boolean) => void navigate({ to: '/teams', search: next, replace, resetScroll: !replace })
  return (
    <>
      <PageHead title={t('console.nav.teams')} />
      <Search value={search.q ?? ''} change={(q) => go(q ? { q } : {}, true)} />
      <Card className="mt-5 overflow-hidden"><List search={search} go={go} /></Card>
    </>
  )
}

function Search({ value, change }: { value: string; change: (value: string) => void }) {
  const { t } = useT()
  const id = useId()
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed.trim() === value) return
    const timer = setTimeout(() => change(typed.trim()), 150)
    return () => clearTimeout(timer)
  })
  return (
    <div className="max-w-md">
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.teams.search')}</label>
      <input id={id} type="search" value={typed} maxLength={200} autoComplete="off" onChange={(event) => setTyped(event.target.value)} className="min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11" />
    </div>
  )
}

/** One page of 50 rows, however many teams there are. */
function List({ search, go }: { search: TeamsSearch; go: (next: TeamsSearch, replace: boolean) => void }) {
  const { t, language } = useT()
  const session = useSession()
  const configure = mayConfigure(session)
  const teams = useQuery({ queryKey: keyOf(session, 'teams', JSON.stringify(search)), queryFn: () => directoryApi.teams(search.q, search.after), placeholderData: keepPreviousData })
  const roles = useQuery({ queryKey: keyOf(session, 'roles'), queryFn: directoryApi.roles, enabled: configure })
  if (teams.isPending) return <Skeleton lines={5} className="p-6" />
  if (teams.isError && !teams.data) return <LoadError error={teams.error} retry={() => void teams.refetch()} />
  const { items, next } = teams.data
  if (items.length === 0 && search.q) return <Empty icon="teams" title={t('console.teams.none_found')} />
  if (items.length === 0)
    return <Empty icon="teams" title={t('console.teams.none')}>{t('console.teams.none_text')}{configure && <div className="mt-5"><ButtonLink to="/settings/directory/setup">{t('console.dir.set_up')}</ButtonLink></div>}</Empty>
  return (
    <>
      <Table heads={[{ key: 'console.teams.name' }, { key: 'console.teams.members' }, ...(configure ? [{ key: 'console.teams.gives_role' } as const] : []), { key: 'console.teams.source' }, { key: 'console.teams.changed' }]}>
        {items.map((team) => {
          const rule = ruleOf(roles.data?.rules ?? [], team.id)
          return (
            <Row key={team.id}>
              <Cell>
                <Link to="/teams/$team" params={{ team: team.id }} className={`${textLink} [overflow-wrap:anywhere]`}><bdi>{team.alias ?? team.name}</bdi></Link>
                {team.alias && <span className="block text-muted [overflow-wrap:anywhere]"><bdi>{team.name}</bdi></span>}
                {team.lost !== undefined && <span className="mt-1 block"><Badge tone="warn" icon="warn">{t('console.teams.large_drop')}</Badge></span>}
              </Cell>
              <Cell label={t('console.teams.members')}><span className="tabular-nums">{new Intl.NumberFormat(language).format(team.members)}</span></Cell>
              {configure && <Cell label={t('console.teams.gives_role')} className={rule ? '' : 'cell-none'}>{rule ? t(roleKey[rule.rule.role]) : <span className="text-muted">—</span>}</Cell>}
              <Cell label={t('console.teams.source')}><Badge tone={team.source === 'directory' ? 'accent' : 'plain'}>{t(team.source === 'directory' ? 'console.members.directory' : 'console.members.local')}</Badge></Cell>
              <Cell label={t('console.teams.changed')}><Time at={team.changed_at} /></Cell>
            </Row>
          )
        })}
      </Table>
      {(search.after || next) && (
        <div className="flex flex-wrap gap-3 border-t border-line p-4">
          {search.after && <Button onClick={() => go(search.q ? { q: search.q } : {}, false)}>{t('console.page.first')}</Button>}
          {next && <Button busy={teams.isPlaceholderData} onClick={() => go({ ...search, after: next }, false)}>{t('console.page.next')}</Button>}
        </div>
      )}
    </>
  )
}
