// Groups → teams and roles: every group is a team; a role comes from a rule, and the first rule that a person meets counts.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useId, useRef, useState } from 'react'
import { useDecide } from '../../conflict/decide'
import { saveOver } from '../../conflict/save-over'
import { errorText, roleKey } from '../../errors'
import { useT } from '../../i18n'
import { keyOf, mayManagePeople, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button, textLink } from '../../ui/button'
import { Icon } from '../../ui/icons'
import { Notice } from '../../ui/notice'
import { Badge, Card, Empty, LoadError, Skeleton, Time } from '../../ui/parts'
import { Cell, Row, Table } from '../../ui/table'
import { directoryApi } from '../api'
import { DirectoryPage } from '../frame'
import { More, Part } from '../parts'
import type { GivenRole, RoleMapping, RolePreview, RoleRule, RoleSettings } from '../types'
import { useFocusKept } from './focus'
import { metSettings, moved, ruleDifferences, ruleOf, sameSettings } from './order'

const given: readonly GivenRole[] = ['super_admin', 'admin', 'user', 'guest']

export function RolesPage() {
  const { t } = useT()
  const session = useSession()
  const roles = useQuery({ queryKey: keyOf(session, 'roles'), queryFn: directoryApi.roles })
  return (
    <DirectoryPage title="console.dir.roles" lead={t('console.roles.lead')}>
      {roles.isPending && <Card className="p-6"><Skeleton lines={8} /></Card>}
      {roles.isError && !roles.data && <Card><LoadError error={roles.error} retry={() => void roles.refetch()} /></Card>}
      {roles.data && <Mapped mapping={roles.data} />}
    </DirectoryPage>
  )
}

function Mapped({ mapping }: { mapping: RoleMapping }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const announce = useAnnounce()
  const manage = mayManagePeople(session)
  const [base, setBase] = useState<RoleSettings>(mapping)
  const [{ rules, offer_roles: offer, keep_on_return: keep }, setMine] = useState<RoleSettings>(mapping)
  const mine: RoleSettings = { rules, offer_roles: offer, keep_on_return: keep }
  const change = (part: Partial<RoleSettings>) => setMine((now) => ({ ...now, ...part }))
  function begin(settings: RoleSettings) {
    setBase(settings)
    setMine(settings)
  }
  // Somebody else's change is taken over where nothing else is wanted here. Where it is, saving asks which of the two holds.
  if (!sameSettings(base, mapping) && (sameSettings(base, mine) || sameSettings(mapping, mine))) begin(mapping)
  const changed = !sameSettings(base, mine)
  const decide = useDecideRoles()
  const preview = useMutation({ mutationFn: () => directoryApi.previewRoles(rules) })
  const again = useFocusKept(preview.data !== undefined)
  const save = useMutation({
    mutationFn: () => saveOver<RoleSettings, RoleMapping>({
      base, read: directoryApi.roles, same: sameSettings, wanted: (now) => sameSettings(now, mine), decide: (theirs) => decide(mine, theirs),
      meet: (now, taken) => {
        queries.setQueryData(keyOf(session, 'roles'), now)
        if (taken) setMine(now)
        else setBase(now)
        preview.reset()
      },
      metBy: metSettings,
      save: async (was, refused) => {
        try {
          return { done: await directoryApi.saveRoles(mine, { rules: was.rules, offer_roles: was.offer_roles, keep_on_return: was.keep_on_return }) }
        } catch (error) {
          return refused(error)
        }
      },
    }),
    onSuccess: (done) => {
      if (!done) return
      const { changed: count = 0, ...saved } = done
      preview.reset()
      announce(t('console.roles.saved', { count }))
      queries.setQueryData(keyOf(session, 'roles'), saved)
      void queries.invalidateQueries({ queryKey: keyOf(session, 'people') })
    },
  })
  const edit = (next: RoleRule[]) => { change({ rules: next }); preview.reset(); save.reset() }
  const error = save.error ?? preview.error
  return (
    <div className="space-y-9">
      <Part title={t('console.roles.rules')} lead={t('console.roles.rules_text')}>
        <Card className="overflow-hidden">
          {rules.length === 0 ? <Empty icon="members" title={t('console.roles.none')}>{t('console.roles.none_text')}</Empty> : <Order rules={rules} edit={edit} manage={manage} />}
          {manage && <AppRole add={(app_role, role) => edit([...rules, { app_role, role }])} />}
        </Card>
        <div className="mt-5 space-y-3">
          <Switch on={offer} set={(on) => { change({ offer_roles: on }); save.reset() }} disabled={!manage} label={t('console.roles.offer')} hint={t('console.roles.offer_text')} />
          <Switch on={keep} set={(on) => { change({ keep_on_return: on }); save.reset() }} disabled={!manage} label={t('console.roles.keep')} hint={t('console.roles.keep_text')} />
        </div>
        <div className="mt-6 space-y-4">
          {error && <Notice tone="bad" alert>{errorText(t, language, error)}</Notice>}
          {preview.data && <Preview preview={preview.data} />}
          <div className="flex flex-wrap items-center gap-3">
            <Button ref={again} look={preview.data ? 'secondary' : 'primary'} busy={preview.isPending} aria-disabled={!changed} onClick={() => { if (changed) preview.mutate() }}>{t('console.map.preview')}</Button>
            {manage && preview.data && <Button look="primary" busy={save.isPending} onClick={() => save.mutate()}>{t('common.save')}</Button>}
            {changed && <Button look="quiet" onClick={() => { edit(base.rules); setMine(base) }}>{t('console.map.undo')}</Button>}
            <p className="text-sm text-muted">{changed ? (preview.data ? '' : t('console.map.preview_first')) : t('console.map.unchanged')}</p>
          </div>
          {!manage && <p className="text-sm text-muted">{t('console.dir.read_only')}</p>}
        </div>
      </Part>
      <Part title={t('console.roles.groups')} lead={t('console.roles.groups_text')}>
        <Groups rules={rules} manage={manage} choose={(team, role) => edit(withRole(rules, team, role))} />
      </Part>
    </div>
  )
}

/** Gives a team a role, in its place where it has a rule already, else as the last; '' takes the rule away. */
function withRole(rules: RoleRule[], team: string, role: GivenRole | ''): RoleRule[] {
  if (role === '') return rules.filter((rule) => rule.team_id !== team)
  return ruleOf(rules, team) ? rules.map((rule) => (rule.team_id === team ? { ...rule, role } : rule)) : [...rules, { team_id: team, role }]
}

function Switch({ on, set, label, hint, disabled }: { on: boolean; set: (on: boolean) => void; label: string; hint: string; disabled: boolean }) {
  const id = useId()
  return (
    <div className="flex items-start gap-3">
      <input id={id} type="checkbox" role="switch" className="switch mt-0.5" checked={on} disabled={disabled} aria-describedby={`${id}-hint`} onChange={(event) => set(event.target.checked)} />
      <span><label htmlFor={id} className="font-medium">{label}</label><span id={`${id}-hint`} className="block text-sm text-muted">{hint}</span></span>
    </div>
  )
}

/** The rules in their order: dragged, or moved by buttons. */
function Order({ rules, edit, manage }: { rules: RoleRule[]; edit: (rules: RoleRule[]) => void; manage: boolean }) {
  const { t } = useT()
  const announce = useAnnounce()
  const [dragged, setDragged] = useState<number | null>(null)
  const list = useRef<HTMLOListElement>(null)
  const names = useTeamNames(rules)
  const nameOf = (rule: RoleRule) => rule.app_role ?? names.get(rule.team_id ?? '') ?? rule.team_id ?? ''
  function move(from: number, to: number, which?: 'up' | 'down') {
    const rule = rules[from]
    if (!rule || to < 0 || to >= rules.length) return
    edit(moved(rules, from, to))
    announce(t('console.roles.moved', { name: nameOf(rule), place: to + 1, of: rules.length }))
    // The button that was pressed goes with its rule; the focus stays on it.
    if (which) requestAnimationFrame(() => list.current?.children[to]?.querySelector<HTMLElement>(`[data-move=${which}]`)?.focus())
  }
  return (
    <ol ref={list} className="divide-y divide-line">
      {rules.map((rule, i) => (
        <li
          key={rule.team_id ?? `app ${rule.app_role}`} draggable={manage} onDragStart={() => setDragged(i)} onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => { event.preventDefault(); if (dragged !== null) move(dragged, i); setDragged(null) }}
          className={`flex flex-wrap items-center gap-x-4 gap-y-2 px-6 py-3 max-cards:px-5 ${dragged === i ? 'bg-hover' : ''}`}
        >
          <span className="w-6 shrink-0 text-right font-semibold tabular-nums text-muted">{i + 1}</span>
          <span className="min-w-0 flex-1 basis-48">
            <bdi className="block font-semibold [overflow-wrap:anywhere]">{nameOf(rule)}</bdi>
            <span className="text-sm text-muted">{t(!rule.team_id ? 'console.roles.of_app_role' : names.get(rule.team_id) === rule.team_id ? 'console.roles.by_id' : 'console.roles.of_team')}</span>
          </span>
          <RoleSelect label={t('console.roles.role_of', { name: nameOf(rule) })} value={rule.role} disabled={!manage} choose={(role) => edit(rules.map((one, at) => (at === i && role !== '' ? { ...one, role } : one)))} />
          {manage && (
            <span className="flex gap-1">
              <Small label={t('console.roles.up', { name: nameOf(rule) })} mark="up" off={i === 0} press={() => move(i, i - 1, 'up')} turn="" />
              <Small label={t('console.roles.down', { name: nameOf(rule) })} mark="down" off={i === rules.length - 1} press={() => move(i, i + 1, 'down')} turn="rotate-180" />
              <button type="button" aria-label={t('console.roles.remove', { name: nameOf(rule) })} onClick={() => edit(rules.filter((_, at) => at !== i))} className="grid size-9 place-items-center rounded-lg text-muted hover:bg-hover max-cards:size-11"><Icon name="close" className="size-4" /></button>
            </span>
          )}
        </li>
      ))}
    </ol>
  )
}

function Small({ label, mark, off, press, turn }: { label: string; mark: 'up' | 'down'; off: boolean; press: () => void; turn: string }) {
  return (
    <button type="button" data-move={mark} aria-label={label} aria-disabled={off || undefined} onClick={() => { if (!off) press() }} className="grid size-9 place-items-center rounded-lg text-muted hover:bg-hover aria-disabled:opacity-40 max-cards:size-11">
      <Icon name="up" className={`size-4 ${turn}`} />
    </button>
  )
}

function RoleSelect({ label, value, choose, disabled, none = false }: { label: string; value: GivenRole | ''; choose: (role: GivenRole | '') => void; disabled: boolean; none?: boolean }) {
  const { t } = useT()
  return (
    <select aria-label={label} value={value} disabled={disabled} onChange={(event) => choose(event.target.value as GivenRole | '')} className={`min-h-10 rounded-lg border border-edge bg-surface px-3 py-1.5 text-sm max-cards:min-h-11 ${none ? 'cards:-my-2' : ''}`}>
      {none && <option value="">{t('console.roles.no_role')}</option>}
      {given.map((role) => <option key={role} value={role}>{t(roleKey[role])}</option>)}
    </select>
  )
}

/** Puts two versions of the settings side by side where they differ. */
function useDecideRoles() {
  const { t } = useT()
  const decide = useDecide()
  return async (mine: RoleSettings, theirs: RoleSettings) => {
    const rules = ruleDifferences(mine.rules, theirs.rules)
    const names = await namesOf(rules.flatMap(({ rule }) => rule.team_id ?? []))
    const said = (one: { place: number; role: GivenRole } | null) => (one ? `${t(roleKey[one.role])} · ${t('console.roles.place')} ${one.place}` : t('console.roles.no_role'))
    return decide(t('console.dir.roles'), [
      ...rules.map(({ rule, ...one }) => ({ name: rule.app_role ?? names.get(rule.team_id ?? '') ?? rule.team_id ?? '', mine: said(one.mine), theirs: said(one.theirs) })),
      ...(mine.offer_roles === theirs.offer_roles ? [] : [{ name: t('console.roles.offer'), mine: mine.offer_roles, theirs: theirs.offer_roles }]),
      ...(mine.keep_on_return === theirs.keep_on_return ? [] : [{ name: t('console.roles.keep'), mine: mine.keep_on_return, theirs: theirs.keep_on_return }]),
    ])
  }
}

/** The names of teams by their ids; the id where there is none. */
const namesOf = async (ids: readonly string[]) => new Map(await Promise.all(ids.map(async (id) => [id, await directoryApi.team(id).then((team) => team.name, () => id)] as const)))

/** The names of the teams that rules are of. */
function useTeamNames(rules: RoleRule[]): Map<string, string> {
  const session = useSession()
  const ids = rules.flatMap((rule) => rule.team_id ?? []).sort()
  const found = useQuery({
    queryKey: keyOf(session, 'team-names', ids.join()),
    queryFn: () => namesOf(ids),
    enabled: ids.length > 0, staleTime: 60_000, placeholderData: (before) => before,
  })
  return found.data ?? new Map()
}

function AppRole({ add }: { add: (name: string, role: GivenRole) => void }) {
  const { t } = useT()
  const id = useId()
  const [name, setName] = useState('')
  const [role, setRole] = useState<GivenRole>('user')
  return (
    <details className="border-t border-line px-6 py-3 max-cards:px-5">
      <summary className="w-fit rounded-sm py-1 text-sm font-medium text-accent">{t('console.roles.add_app')}</summary>
      <div className="mt-3 flex flex-wrap items-end gap-3 pb-2">
        <div className="min-w-0 flex-1 basis-48">
          <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.roles.app_role')}</label>
          <input id={id} value={name} maxLength={100} onChange={(event) => setName(event.target.value)} className="min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5" />
        </div>
        <RoleSelect label={t('console.members.role')} value={role} disabled={false} choose={(one) => { if (one !== '') setRole(one) }} />
        <Button aria-disabled={!name.trim()} onClick={() => { if (name.trim()) { add(name.trim(), role); setName('') } }}>{t('console.roles.add')}</Button>
      </div>
    </details>
  )
}

function Preview({ preview }: { preview: RolePreview }) {
  const { t, language } = useT()
  return (
    <section aria-label={t('console.map.preview')}>
      <Notice tone={preview.changed > 0 ? 'warn' : 'info'}>{t('console.roles.would_change', { count: preview.changed, n: new Intl.NumberFormat(language).format(preview.changed) })}</Notice>
      {preview.changes.length > 0 && (
        <Card className="mt-4 overflow-hidden">
          <div role="region" aria-label={t('console.map.changes')} tabIndex={0} className="max-h-[28rem] overflow-y-auto -outline-offset-2">
          <Table heads={[{ key: 'console.map.person' }, { key: 'console.log.before' }, { key: 'console.log.after' }]}>
            {preview.changes.map((one) => (
              <Row key={one.person_id}>
                <Cell><bdi className="font-medium [overflow-wrap:anywhere]">{one.person_name}</bdi><span className="block text-muted [overflow-wrap:anywhere]">{one.user_name}</span></Cell>
                <Cell label={t('console.log.before')}><span className="text-muted">{t(roleKey[one.from])}</span></Cell>
                <Cell label={t('console.log.after')}><span className="font-medium">{t(roleKey[one.to])}</span></Cell>
              </Row>
            ))}
          </Table>
        </div>
        </Card>
      )}
      {preview.changed > preview.changes.length && <p className="mt-2 text-sm text-muted">{t('console.map.more', { count: preview.changed - preview.changes.length })}</p>}
    </section>
  )
}

function Groups({ rules, manage, choose }: { rules: RoleRule[]; manage: boolean; choose: (team: string, role: GivenRole | '') => void }) {
  const { t, language } = useT()
  const session = useSession()
  const id = useId()
  const [q, setQ] = useState('')
  const teams = useInfiniteQuery({
    queryKey: keyOf(session, 'groups', q.trim()), queryFn: ({ pageParam }) => directoryApi.teams(q.trim() || undefined, pageParam), initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined, placeholderData: (before) => before,
  })
  const items = (teams.data?.pages.flatMap((page) => page.items) ?? []).filter((team) => team.source === 'directory')
  return (
    <>
      <div className="mb-4 max-w-md">
        <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.teams.search')}</label>
        <input id={id} type="search" value={q} autoComplete="off" onChange={(event) => setQ(event.target.value)} className="min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11" />
      </div>
      <Card className="overflow-hidden">
        {teams.isPending && <Skeleton lines={5} className="p-6" />}
        {teams.isError && !teams.data && <LoadError error={teams.error} retry={() => void teams.refetch()} />}
        {teams.data && items.length === 0 && <Empty icon="teams" title={t(q.trim() ? 'console.teams.none_found' : 'console.teams.none')}>{q.trim() ? undefined : t('console.teams.none_text')}</Empty>}
        {items.length > 0 && (
          <Table heads={[{ key: 'console.teams.name' }, { key: 'console.teams.members' }, { key: 'console.members.role' }, { key: 'console.roles.place' }, { key: 'console.teams.changed' }]}>
            {items.map((team) => {
              const rule = ruleOf(rules, team.id)
              return (
                <Row key={team.id}>
                  <Cell><Link to="/teams/$team" params={{ team: team.id }} className={`${textLink} [overflow-wrap:anywhere]`}><bdi>{team.name}</bdi></Link></Cell>
                  <Cell label={t('console.teams.members')}>
                    <span className="tabular-nums">{new Intl.NumberFormat(language).format(team.members)}</span>
                    {team.waiting !== undefined && <span className="block text-muted">{t('console.roles.waiting', { count: team.waiting, n: new Intl.NumberFormat(language).format(team.waiting) })}</span>}
                  </Cell>
                  <Cell label={t('console.members.role')}><RoleSelect none label={t('console.roles.role_of', { name: team.name })} value={rule?.rule.role ?? ''} disabled={!manage} choose={(role) => choose(team.id, role)} /></Cell>
                  <Cell label={t('console.roles.place')}>{rule ? <Badge tone="accent">{rule.place}</Badge> : <span className="text-muted">—</span>}</Cell>
                  <Cell label={t('console.teams.changed')}><Time at={team.changed_at} /></Cell>
                </Row>
              )
            })}
          </Table>
        )}
        <More query={teams} />
      </Card>
    </>
  )
}
