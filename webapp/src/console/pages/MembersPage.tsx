// "All Members": who is in the workspace, and for Owner and Super Admin what to do with them.

import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useId, useState, type ReactNode } from 'react'
import type { Person, Role } from '../../shared/types'
import { directoryApi } from '../directory/api'
import { TeamPicker } from '../directory/PersonPicker'
import type { Member } from '../directory/types'
import { roleKey } from '../errors'
import { useT } from '../i18n'
import { useIdpName, usePersonActions } from '../member/actions'
import { PersonStatus } from '../member/Status'
import { OpenTransfer } from '../ownership/Transfer'
import { keyOf, mayConfigure, mayManagePeople, useSession } from '../session'
import { useTitle } from '../shell/title'
import { Button, ButtonLink } from '../ui/button'
import { Icon } from '../ui/icons'
import { Menu, MenuItem } from '../ui/menu'
import { Badge, Card, Empty, LoadError, PageHead, Skeleton, Time } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'
import { changeMembers, choosable, filtered, readMembers, type MembersSearch } from './members-search'
import { usePersonDialog } from './person-late'
import type { MadeLink } from './person-dialogs'

const BulkBar = lazy(() => import('./members-bulk'))

export function MembersPage() {
  const { t } = useT()
  const session = useSession()
  const navigate = useNavigate()
  const search = readMembers(useSearch({ strict: false }) as Record<string, unknown>)
  const manage = mayManagePeople(session)
  useTitle(t('console.nav.members'))
  const go = (next: MembersSearch, replace: boolean) => void navigate({ to: '/members', search: next, replace, resetScroll: !replace })
  return (
    <>
      <PageHead title={t('console.nav.members')}>
        <div className="flex flex-wrap gap-3">
          {mayConfigure(session) && <ButtonLink to="/settings/directory/missing" search={{}}>{t('console.members.why_missing')}</ButtonLink>}
          {manage && <AddPerson />}
        </div>
      </PageHead>
      <OpenTransfer className="mb-5" />
      <Filters search={search} change={(part) => go(changeMembers(search, part), true)} />
      <Card className="mt-5 overflow-hidden">
        <List search={search} manage={manage} go={go} />
      </Card>
    </>
  )
}

const roleFilter: readonly Role[] = ['owner', 'super_admin', 'admin', 'user', 'guest']

function Filters({ search, change }: { search: MembersSearch; change: (part: Partial<MembersSearch>) => void }) {
  const { t } = useT()
  const configure = mayConfigure(useSession())
  return (
    <div role="search" aria-label={t('console.nav.members')} className="space-y-3">
      <Search value={search.q ?? ''} change={(q) => change({ q })} />
      <div className={`grid grid-cols-2 items-end gap-3 ${configure ? 'cards:grid-cols-[repeat(4,minmax(0,1fr))_minmax(0,1.4fr)]' : 'cards:grid-cols-3'}`}>
        <Pick label={t('console.members.role')} value={search.role ?? ''} change={(role) => change({ role: (role || undefined) as MembersSearch['role'] })}>
          {roleFilter.map((one) => <option key={one} value={one}>{t(roleKey[one])}</option>)}
        </Pick>
        <Pick label={t('console.members.status')} value={search.status ?? ''} change={(status) => change({ status: (status || undefined) as MembersSearch['status'] })}>
          <option value="active">{t('console.members.active')}</option>
          <option value="inactive">{t('console.members.deactivated')}</option>
        </Pick>
        <Pick label={t('console.members.source')} value={search.source ?? ''} change={(source) => change({ source: (source || undefined) as MembersSearch['source'] })}>
          <option value="directory">{t('console.members.directory')}</option>
          <option value="local">{t('console.members.local')}</option>
        </Pick>
        {configure && (
          <Pick label={t('console.members.problem')} value={search.problem ?? ''} change={(problem) => change({ problem: (problem || undefined) as MembersSearch['problem'] })}>
            <option value="failed_call">{t('console.members.problem_call')}</option>
          </Pick>
        )}
        {configure && <div className="max-cards:col-span-2"><TeamPicker label={t('console.members.team')} chosen={(team) => change({ team })} /></div>}
      </div>
      {search.team && <Button look="quiet" className="-ml-3" onClick={() => change({ team: undefined })}><Icon name="close" className="size-4" /><TeamName id={search.team} /></Button>}
    </div>
  )
}

/** The team that is chosen, by its name as soon as that is known. */
function TeamName({ id }: { id: string }) {
  const { t } = useT()
  const session = useSession()
  const { data } = useQuery({ queryKey: keyOf(session, 'team', id), queryFn: () => directoryApi.team(id), retry: false, staleTime: 60_000 })
  return data ? <bdi>{t('console.members.team_named', { name: data.alias ?? data.name })}</bdi> : t('console.members.one_team')
}

function Pick({ label, value, change, children }: { label: string; value: string; change: (value: string) => void; children: ReactNode }) {
  const { t } = useT()
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{label}</label>
      <select id={id} value={value} onChange={(event) => change(event.target.value)} className="min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11">
        <option value="">{t('console.members.any')}</option>
        {children}
      </select>
    </div>
  )
}

/** What is typed counts a moment later. */
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
    <div className="relative">
      <label htmlFor={id} className="sr-only">{t('console.members.search')}</label>
      <Icon name="search" className="pointer-events-none absolute top-1/2 left-3 size-4.5 -translate-y-1/2 text-muted" />
      <input
        id={id} type="search" value={typed} maxLength={200} placeholder={t('console.members.search')} autoComplete="off" onChange={(event) => setTyped(event.target.value)}
        className="min-h-10 w-full rounded-lg border border-edge bg-surface py-1.5 pr-3 pl-10 placeholder:text-muted max-cards:min-h-11"
      />
    </div>
  )
}

/** One page of 50 rows, however many people there are. */
function List({ search, manage, go }: { search: MembersSearch; manage: boolean; go: (next: MembersSearch, replace: boolean) => void }) {
  const { t } = useT()
  const session = useSession()
  const idp = useIdpName()
  const configure = mayConfigure(session)
  const refresh = useRefresh()
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [bulk, setBulk] = useState(false) // from the first choice on: what was done to them is said after nobody is chosen any more
  const people = useQuery({ queryKey: keyOf(session, 'people', JSON.stringify(search)), queryFn: ({ signal }) => directoryApi.people(search, signal), placeholderData: keepPreviousData })
  if (people.isPending) return <Skeleton lines={8} className="p-6" />
  if (people.isError && !people.data) return <LoadError error={people.error} retry={() => void people.refetch()} />
  const { items, next, partial } = people.data
  if (items.length === 0 && !next && !partial) return <Nobody search={search} clear={() => go({}, false)} />
  const choose = (id: string, on: boolean) => {
    setBulk(true)
    setChosen((before) => new Set(on ? [...before, id] : [...before].filter((one) => one !== id)))
  }
  const boxes = manage && items.some((person) => choosable(person, session.person.id))
  return (
    <>
      {manage && bulk && <Suspense fallback={null}><BulkBar people={items.filter((person) => chosen.has(person.id))} clear={() => setChosen(new Set())} refresh={refresh} /></Suspense>}
      <Table
        heads={[
          { key: 'console.members.member' }, { key: 'console.members.role' }, { key: 'console.members.team' },
          { key: 'console.members.status' }, { key: 'console.members.source' }, ...(configure ? [{ key: 'console.members.synced' } as const] : []), ...(manage ? [{ key: 'console.members.actions', hidden: true } as const] : []),
        ]}
      >
        {items.map((person) => (
          <PersonRow
            key={person.id} person={person} idp={idp} manage={manage} configure={configure}
            box={boxes ? <Choose person={person} on={chosen.has(person.id)} may={choosable(person, session.person.id)} change={(on) => choose(person.id, on)} /> : null}
          />
        ))}
      </Table>
      {(partial || items.length === 0) && <p className="px-6 py-5 text-sm text-muted">{t(partial ? 'console.members.partial' : 'console.members.none_yet')}</p>}
      {(search.after || next) && (
        <div className="flex flex-wrap gap-3 border-t border-line p-4">
          {search.after && <Button onClick={() => go(changeMembers(search, {}), false)}>{t('console.page.first')}</Button>}
          {next && <Button busy={people.isPlaceholderData} onClick={() => go({ ...search, after: next }, false)}>{t('console.page.next')}</Button>}
        </div>
      )}
    </>
  )
}

function Nobody({ search, clear }: { search: MembersSearch; clear: () => void }) {
  const { t } = useT()
  const configure = mayConfigure(useSession())
  if (!filtered(search))
    return <Empty icon="members" title={t('console.members.none')}>{t('console.members.none_text')}{configure && <div className="mt-5"><ButtonLink to="/settings/directory/setup">{t('console.dir.set_up')}</ButtonLink></div>}</Empty>
  return (
    <Empty icon="members" title={t('console.members.none_found')}>
      {t('console.members.none_found_text')}
      <div className="mt-5 flex flex-wrap justify-center gap-3">
        <Button onClick={clear}>{t('console.log.clear')}</Button>
        {configure && <ButtonLink to="/settings/directory/missing" search={search.q ? { person: search.q } : {}}>{t('console.members.why_missing')}</ButtonLink>}
      </div>
    </Empty>
  )
}

/** For one more of several people; who cannot be chosen keeps the place free. */
function Choose({ person, on, may, change }: { person: Member; on: boolean; may: boolean; change: (on: boolean) => void }) {
  const { t } = useT()
  if (!may) return <span aria-hidden="true" className="size-5 shrink-0 max-cards:hidden" />
  return <input type="checkbox" checked={on} onChange={(event) => change(event.target.checked)} aria-label={t('console.members.choose', { name: person.name })} className="mt-0.5 size-5 shrink-0 accent-accent" />
}

function PersonRow({ person, idp, manage, configure, box }: { person: Member; idp: string; manage: boolean; configure: boolean; box: ReactNode }) {
  const { t } = useT()
  const teams = person.teams.map((team) => team.name).join(', ')
  return (
    <Row className={person.active ? '' : 'bg-sunken'}>
      <Cell className="max-cards:pr-12">
        <div className="flex items-start gap-3">
          {box}
          <div className="min-w-0">
            <Link to="/members/$id" params={{ id: person.id }} className="block font-semibold [overflow-wrap:anywhere] underline decoration-transparent underline-offset-3 hover:decoration-accent"><bdi>{person.name}</bdi></Link>
            <span className="block text-muted [overflow-wrap:anywhere]">{person.email}</span>
          </div>
        </div>
      </Cell>
      <Cell label={t('console.members.role')}><span className="whitespace-nowrap">{t(roleKey[person.role])}</span></Cell>
      <Cell label={t('console.members.team')} className={teams ? '' : 'cell-none'}>{teams ? <bdi className="[overflow-wrap:anywhere]">{teams}</bdi> : <span className="text-muted">—</span>}</Cell>
      <Cell label={t('console.members.status')}><PersonStatus person={person} /></Cell>
      <Cell label={t('console.members.source')}><Badge tone={person.source === 'directory' ? 'accent' : 'plain'}>{person.source === 'directory' ? idp : t('console.members.local')}</Badge></Cell>
      {configure && <Cell label={t('console.members.synced')} className={person.last_synced_at ? '' : 'cell-none'}>{person.last_synced_at ? <span className="whitespace-nowrap"><Time short at={person.last_synced_at} /></span> : <span className="text-muted">—</span>}</Cell>}
      {manage && <Cell className="max-cards:absolute max-cards:top-2 max-cards:right-3 cards:text-right"><Actions person={person} idp={idp} /></Cell>}
    </Row>
  )
}

function AddPerson() {
  const { t } = useT()
  const open = usePersonDialog()
  const refresh = useRefresh()
  async function add() {
    const made = await open<MadeLink>(({ AddPersonDialog }, close) => <AddPersonDialog close={close} />)
    if (!made) return
    await refresh()
    await open<never>(({ LinkDialog }, close) => <LinkDialog made={made} added close={() => close(null)} />)
  }
  return <Button look="primary" onClick={() => void add()}>{t('console.members.add')}</Button>
}

function useRefresh(): () => Promise<void> {
  const session = useSession()
  const queries = useQueryClient()
  return () => queries.invalidateQueries({ queryKey: keyOf(session, 'people') })
}

function Actions({ person, idp }: { person: Person; idp: string }) {
  const { t } = useT()
  const actions = usePersonActions(person, idp, useRefresh(), true)
  return (
    <Menu button={<Icon name="more" />} buttonName={t('console.members.actions_for', { name: person.name })} buttonClass="inline-grid size-9 place-items-center rounded-lg text-muted hover:bg-hover aria-expanded:bg-hover max-cards:size-11" width="w-72" align="end">
      {actions.map(({ name, run, reason }) => <MenuItem key={name} run={run} reason={reason}>{name}</MenuItem>)}
    </Menu>
  )
}
