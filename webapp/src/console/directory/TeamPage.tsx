// One team and its members; a page of 50 at a time.

import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError } from '../../shared/api'
import { roleKey } from '../errors'
import { useT } from '../i18n'
import { FormDialog, useSubmit } from '../pages/person-dialogs'
import { keyOf, mayConfigure, mayManagePeople, useSession } from '../session'
import { useTitle } from '../shell/title'
import { Button, ButtonLink, textLink } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Field } from '../ui/field'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'
import { Badge, Card, Empty, LoadError, PageHead, Skeleton, Time } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'
import { directoryApi } from './api'
import { ruleOf } from './rules/order'
import type { TeamInfo } from './types'

export function TeamPage() {
  const { t } = useT()
  const session = useSession()
  const { team: id } = useParams({ strict: false }) as { team: string }
  const team = useQuery({ queryKey: keyOf(session, 'team', id), queryFn: () => directoryApi.team(id), retry: (n, error) => n < 2 && !(error instanceof ApiError) })
  const name = team.data?.alias ?? team.data?.name
  useTitle(name ?? t('console.nav.teams'))
  const gone = team.error instanceof ApiError && team.error.status === 404
  return (
    <>
      <p className="mb-3 text-sm"><Link to="/teams" className="inline-flex min-h-6 items-center gap-1 rounded-sm font-medium text-accent hover:underline"><Icon name="up" className="size-4 -rotate-90" />{t('console.nav.teams')}</Link></p>
      <PageHead title={name ?? t('console.members.team')}>{team.data && mayManagePeople(session) && <AliasButton team={team.data} />}</PageHead>
      {team.isPending && <Card className="p-6"><Skeleton lines={6} /></Card>}
      {gone && <Card><Empty icon="teams" title={t('console.teams.gone')}>{t('console.teams.gone_text')}</Empty></Card>}
      {team.isError && !team.data && !gone && <Card><LoadError error={team.error} retry={() => void team.refetch()} /></Card>}
      {team.data && <Team team={team.data} />}
    </>
  )
}

function Team({ team }: { team: TeamInfo }) {
  const { t, language } = useT()
  const session = useSession()
  const configure = mayConfigure(session)
  const roles = useQuery({ queryKey: keyOf(session, 'roles'), queryFn: directoryApi.roles, enabled: configure })
  const rule = ruleOf(roles.data?.rules ?? [], team.id)
  return (
    <>
      {team.lost !== undefined && (
        <Notice tone="warn" className="mb-6">
          <p className="font-medium">{t('console.teams.large_drop')}</p>
          <p className="mt-1">{t('console.teams.large_drop_text', { count: team.lost, n: new Intl.NumberFormat(language).format(team.lost) })}</p>
        </Notice>
      )}
      <Card className="mb-6 p-6 max-cards:p-5">
        <dl className="grid gap-5 text-sm cards:grid-cols-3">
          {team.alias && <Fact name={t('console.teams.directory_name')}><bdi>{team.name}</bdi></Fact>}
          <Fact name={t('console.teams.members')}>
            <span className="tabular-nums">{new Intl.NumberFormat(language).format(team.members)}</span>
            {team.waiting !== undefined && <span className="block text-muted">{t('console.roles.waiting', { count: team.waiting, n: new Intl.NumberFormat(language).format(team.waiting) })}</span>}
          </Fact>
          <Fact name={t('console.teams.source')}><Badge tone={team.source === 'directory' ? 'accent' : 'plain'}>{t(team.source === 'directory' ? 'console.members.directory' : 'console.members.local')}</Badge></Fact>
          {configure && <Fact name={t('console.teams.gives_role')}>{rule ? <Link to="/settings/directory/roles" className={textLink}>{t(roleKey[rule.rule.role])}</Link> : t('console.roles.no_role')}</Fact>}
          {team.external_id && <Fact name={t('console.teams.external')}><code className="font-mono text-sm [overflow-wrap:anywhere]" translate="no">{team.external_id}</code></Fact>}
          <Fact name={t('console.teams.changed')}><Time at={team.changed_at} /></Fact>
          <Fact name={t('console.teams.created')}><Time at={team.created_at} /></Fact>
        </dl>
        {team.source === 'directory' && <p className="mt-5 border-t border-line pt-4 text-sm text-muted">{t('console.teams.managed')}</p>}
        {configure && <div className="mt-4"><ButtonLink to="/settings/directory/log" search={{ team: team.id }}>{t('console.log.all_of_team')}</ButtonLink></div>}
      </Card>
      <h2 className="mb-4 text-lg font-semibold">{t('console.teams.members')}</h2>
      <Card className="overflow-hidden"><Members team={team} /></Card>
    </>
  )
}

/** What the team is called here; the directory's name stays. */
function AliasButton({ team }: { team: TeamInfo }) {
  const { t } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  async function change() {
    if (!(await dialogs.open<true>((close) => <AliasDialog team={team} close={close} />))) return
    await queries.invalidateQueries({ queryKey: keyOf(session) })
  }
  return <Button onClick={() => void change()}>{t('console.teams.alias_change')}</Button>
}

function AliasDialog({ team, close }: { team: TeamInfo; close: (done: true | null) => void }) {
  const { t } = useT()
  const [alias, setAlias] = useState(team.alias ?? '')
  const form = useSubmit(() => directoryApi.nameTeam(team.id, alias), () => close(true))
  return (
    <FormDialog title={t('console.teams.alias')} form={form} action={t('common.save')} close={() => close(null)}>
      <Field label={t('console.teams.alias')} hint={t('console.teams.alias_hint', { name: team.name })} maxLength={100} autoComplete="off" value={alias} onChange={(event) => setAlias(event.target.value)} />
    </FormDialog>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return <div className="min-w-0"><dt className="text-muted">{name}</dt><dd className="mt-0.5 font-medium [overflow-wrap:anywhere]">{children}</dd></div>
}

function Members({ team }: { team: TeamInfo }) {
  const { t } = useT()
  const session = useSession()
  const navigate = useNavigate()
  const given = (useSearch({ strict: false }) as { after?: unknown }).after
  const after = typeof given === 'string' ? given : undefined
  const members = useQuery({ queryKey: keyOf(session, 'people', 'team', team.id, after ?? ''), queryFn: ({ signal }) => directoryApi.people({ team: team.id, after }, signal), placeholderData: keepPreviousData })
  const go = (next?: string) => void navigate({ to: '/teams/$team', params: { team: team.id }, search: next ? { after: next } : {} })
  if (members.isPending) return <Skeleton lines={6} className="p-6" />
  if (members.isError && !members.data) return <LoadError error={members.error} retry={() => void members.refetch()} />
  const { items, next } = members.data
  if (items.length === 0 && !next) return <Empty icon="members" title={t('console.teams.empty')}>{t('console.teams.empty_text')}</Empty>
  return (
    <>
      <Table heads={[{ key: 'console.members.member' }, { key: 'console.members.role' }, { key: 'console.members.status' }, { key: 'console.members.source' }]}>
        {items.map((one) => (
          <Row key={one.id} className={one.active ? '' : 'bg-sunken'}>
            <Cell><Link to="/members/$id" params={{ id: one.id }} className={`${textLink} [overflow-wrap:anywhere]`}><bdi>{one.name}</bdi></Link><span className="block text-muted [overflow-wrap:anywhere]">{one.email || one.user_name}</span></Cell>
            <Cell label={t('console.members.role')}>{t(roleKey[one.role])}</Cell>
            <Cell label={t('console.members.status')}><Badge tone={one.active ? 'good' : 'plain'} icon={one.active ? 'tick' : 'off'}>{t(one.active ? 'console.members.active' : 'console.members.deactivated')}</Badge></Cell>
            <Cell label={t('console.members.source')}><Badge tone={one.source === 'directory' ? 'accent' : 'plain'}>{t(one.source === 'directory' ? 'console.members.directory' : 'console.members.local')}</Badge></Cell>
          </Row>
        ))}
      </Table>
      {items.length === 0 && <p className="px-6 py-5 text-sm text-muted">{t('console.members.none_yet')}</p>}
      {(after || next) && (
        <div className="flex flex-wrap gap-3 border-t border-line p-4">
          {after && <Button onClick={() => go()}>{t('console.page.first')}</Button>}
          {next && <Button busy={members.isPlaceholderData} onClick={() => go(next)}>{t('console.page.next')}</Button>}
        </div>
      )}
    </>
  )
}
