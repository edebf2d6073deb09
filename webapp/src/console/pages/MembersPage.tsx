// "All Members": who is in the workspace, and for Owner and Super Admin what to do with them.

import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useDeferredValue, useId, useState } from 'react'
import type { Person } from '../../shared/types'
import { api } from '../api'
import { roleKey } from '../errors'
import { useT } from '../i18n'
import { keyOf, mayConfigure, mayManagePeople, useSession } from '../session'
import { useTitle } from '../shell/title'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Icon } from '../ui/icons'
import { Menu, MenuItem } from '../ui/menu'
import { Badge, Card, Empty, LoadError, PageHead, Skeleton } from '../ui/parts'
import { Cell, Row, Table } from '../ui/table'
import { ActiveDialog, AddPersonDialog, LinkDialog, RoleDialog, type MadeLink } from './person-dialogs'

export function MembersPage() {
  const { t } = useT()
  const session = useSession()
  const [search, setSearch] = useState('')
  const manage = mayManagePeople(session)
  const people = usePeople(useDeferredValue(search.trim()))
  useTitle(t('console.nav.members'))
  return (
    <>
      <PageHead title={t('console.nav.members')}>{manage && <AddPerson />}</PageHead>
      <Search value={search} change={setSearch} />
      <Card className="mt-5 overflow-hidden">
        <List people={people} searching={search.trim() !== ''} manage={manage} />
      </Card>
    </>
  )
}

function usePeople(q: string) {
  const session = useSession()
  return useInfiniteQuery({
    queryKey: keyOf(session, 'people', q),
    queryFn: ({ pageParam }) => api.people(q, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: (before) => before,
  })
}

function Search({ value, change }: { value: string; change: (value: string) => void }) {
  const { t } = useT()
  const id = useId()
  return (
    <div className="relative max-w-md">
      <label htmlFor={id} className="sr-only">{t('console.members.search')}</label>
      <Icon name="search" className="pointer-events-none absolute top-1/2 left-3 size-4.5 -translate-y-1/2 text-muted" />
      <input
        id={id} type="search" value={value} placeholder={t('console.members.search')} autoComplete="off" onChange={(event) => change(event.target.value)}
        className="min-h-10 w-full rounded-lg border border-edge bg-surface py-1.5 pr-3 pl-10 placeholder:text-muted max-cards:min-h-11"
      />
    </div>
  )
}

function List({ people, searching, manage }: { people: ReturnType<typeof usePeople>; searching: boolean; manage: boolean }) {
  const { t } = useT()
  const idp = useIdpName()
  const items = people.data?.pages.flatMap((page) => page.items) ?? []
  if (people.isPending) return <Skeleton lines={8} className="p-6" />
  if (people.isError && items.length === 0) return <LoadError error={people.error} retry={() => void people.refetch()} />
  if (items.length === 0)
    return <Empty icon="members" title={t(searching ? 'console.members.none_found' : 'console.members.none')}>{t(searching ? 'console.members.none_found_text' : 'console.members.none_text')}</Empty>
  return (
    <>
      <Table
        heads={[
          { key: 'console.members.member' }, { key: 'console.members.role' }, { key: 'console.members.team' },
          { key: 'console.members.status' }, { key: 'console.members.source' }, ...(manage ? [{ key: 'console.members.actions', hidden: true } as const] : []),
        ]}
      >
        {items.map((person) => <PersonRow key={person.id} person={person} idp={idp} manage={manage} />)}
      </Table>
      {people.hasNextPage && (
        <div className="border-t border-line p-4 text-center">
          <Button busy={people.isFetchingNextPage} onClick={() => void people.fetchNextPage()}>{t('console.more')}</Button>
        </div>
      )}
    </>
  )
}

/** The identity provider's name, which only those who may configure can ask for. */
function useIdpName(): string {
  const { t } = useT()
  const session = useSession()
  const directory = useQuery({ queryKey: keyOf(session, 'directory'), queryFn: () => api.directory(), enabled: mayConfigure(session), staleTime: 60_000 })
  return directory.data?.idp.name ?? t('console.members.directory')
}

function PersonRow({ person, idp, manage }: { person: Person; idp: string; manage: boolean }) {
  const { t } = useT()
  const teams = person.teams.map((team) => team.name).join(', ')
  return (
    <Row className={person.active ? '' : 'bg-sunken'}>
      <Cell className="max-cards:pr-12">
        <span className="block font-semibold [overflow-wrap:anywhere]"><bdi>{person.name}</bdi></span>
        <span className="block text-muted [overflow-wrap:anywhere]">{person.email}</span>
      </Cell>
      <Cell label={t('console.members.role')}><span className="whitespace-nowrap">{t(roleKey[person.role])}</span></Cell>
      <Cell label={t('console.members.team')} className={teams ? '' : 'cell-none'}>{teams ? <bdi className="[overflow-wrap:anywhere]">{teams}</bdi> : <span className="text-muted">—</span>}</Cell>
      <Cell label={t('console.members.status')}><Status person={person} /></Cell>
      <Cell label={t('console.members.source')}><Badge tone={person.source === 'directory' ? 'accent' : 'plain'}>{person.source === 'directory' ? idp : t('console.members.local')}</Badge></Cell>
      {manage && <Cell className="max-cards:absolute max-cards:top-2 max-cards:right-3 cards:text-right"><Actions person={person} idp={idp} /></Cell>}
    </Row>
  )
}

function Status({ person }: { person: Person }) {
  const { t } = useT()
  if (!person.active) return <Badge tone="plain" icon="off">{t('console.members.deactivated')}</Badge>
  if (person.has_password === false) return <Badge tone="warn" icon="clock">{t('console.members.no_password')}</Badge>
  return <Badge tone="good" icon="tick">{t('console.members.active')}</Badge>
}

function AddPerson() {
  const { t } = useT()
  const dialogs = useDialogs()
  const refresh = useRefresh()
  async function add() {
    const made = await dialogs.open<MadeLink>((close) => <AddPersonDialog close={close} />)
    if (!made) return
    await refresh()
    await dialogs.open<never>((close) => <LinkDialog made={made} added close={() => close(null)} />)
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
  const dialogs = useDialogs()
  const announce = useAnnounce()
  const refresh = useRefresh()
  const session = useSession()
  const owner = person.role === 'owner'
  const linkReason = !person.active ? t('console.error.person_inactive') : owner && session.person.role !== 'owner' ? t('console.members.owner_only') : undefined
  const activeReason = person.source === 'directory' ? t('console.members.managed', { idp })
    : person.id === session.person.id ? t('console.error.own_account')
      : owner ? t('console.members.owner_only') : undefined
  async function change(dialog: 'role' | 'active') {
    const changed = await dialogs.open<true>((close) => (dialog === 'role' ? <RoleDialog person={person} close={close} /> : <ActiveDialog person={person} close={close} />))
    if (!changed) return
    announce(t('console.members.saved', { name: person.name }))
    await refresh()
  }
  async function link() {
    await dialogs.open<never>((close) => <LinkDialog person={person} close={() => close(null)} />)
    await refresh()
  }
  return (
    <Menu button={<Icon name="more" />} buttonName={t('console.members.actions_for', { name: person.name })} buttonClass="inline-grid size-9 place-items-center rounded-lg text-muted hover:bg-hover aria-expanded:bg-hover max-cards:size-11" width="w-72" align="end">
      <MenuItem run={() => void change('role')} reason={person.role === 'owner' ? t('console.error.one_owner') : undefined}>{t('console.members.change_role')}</MenuItem>
      <MenuItem run={() => void link()} reason={linkReason}>{t('console.members.make_link')}</MenuItem>
      <MenuItem run={() => void change('active')} reason={activeReason}>{t(person.active ? 'console.members.deactivate' : 'console.members.reactivate')}</MenuItem>
    </Menu>
  )
}
