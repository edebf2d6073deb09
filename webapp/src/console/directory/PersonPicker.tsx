// A person or a team, found while typing: an input with a list below it, after the APG's combobox.

import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useId, useState, type KeyboardEvent } from 'react'
import { useT } from '../i18n'
import { keyOf, useSession } from '../session'
import { directoryApi } from './api'

interface Found { id: string; name: string; more?: string }
interface PickerProps { label: string; hint: string; none: string; kind: string; find: (q: string, signal: AbortSignal) => Promise<Found[]>; chosen: (id: string, name: string) => void }

export function PersonPicker({ label, chosen, role }: { label: string; chosen: (person: string, name: string) => void; role?: 'super_admin' }) {
  const { t } = useT()
  const find = async (q: string, signal: AbortSignal) => (await directoryApi.people({ q, role }, signal)).items.map((one) => ({ id: one.id, name: one.name, more: one.email || one.user_name }))
  return <Picker label={label} hint={t('console.members.search')} none={t('console.members.none_found')} kind={`people ${role ?? ''}`} find={find} chosen={chosen} />
}

export function TeamPicker({ label, chosen }: { label: string; chosen: (team: string, name: string) => void }) {
  const { t } = useT()
  const find = async (q: string) => (await directoryApi.teams(q)).items.map(({ id, name, alias }) => ({ id, name: alias ?? name }))
  return <Picker label={label} hint={t('console.teams.search')} none={t('console.teams.none_found')} kind="teams" find={find} chosen={chosen} />
}

function Picker({ label, hint, none, kind, find, chosen }: PickerProps) {
  const session = useSession()
  const id = useId()
  const [typed, setTyped] = useState('')
  const [at, setAt] = useState(0)
  const [open, setOpen] = useState(false)
  const q = useDeferredValue(typed.trim())
  const found = useQuery({ queryKey: keyOf(session, 'pick', kind, q), queryFn: ({ signal }) => find(q, signal), enabled: q !== '', staleTime: 10_000 })
  const items = q === '' ? [] : (found.data?.slice(0, 8) ?? [])
  const shown = open && q !== '' && !found.isPending
  function choose(i: number) {
    const one = items[i]
    if (!one) return
    setTyped('')
    setOpen(false)
    chosen(one.id, one.name)
  }
  function keys(event: KeyboardEvent) {
    if (event.key === 'Escape' && open) { event.preventDefault(); event.stopPropagation(); return setOpen(false) }
    if (!shown || items.length === 0) return
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      return setAt((at + (event.key === 'ArrowDown' ? 1 : items.length - 1)) % items.length)
    }
    if (event.key === 'Enter') { event.preventDefault(); choose(at) }
  }
  return (
    <div className="relative">
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{label}</label>
      <input
        id={id} role="combobox" aria-expanded={shown} aria-controls={`${id}-list`} aria-autocomplete="list" aria-activedescendant={shown && items[at] ? `${id}-${at}` : undefined}
        value={typed} autoComplete="off" placeholder={hint} onKeyDown={keys} onBlur={() => setOpen(false)}
        onChange={(event) => { setTyped(event.target.value); setAt(0); setOpen(true) }}
        className="min-h-10 w-full rounded-lg border border-edge bg-surface px-3 py-1.5 placeholder:text-muted max-cards:min-h-11"
      />
      <ul id={`${id}-list`} role="listbox" aria-label={label} hidden={!shown} className="absolute z-10 mt-1 max-h-72 w-full overflow-y-auto rounded-lg border border-line bg-raised p-1 shadow-pop">
        {items.map((one, i) => (
          <li
            key={one.id} id={`${id}-${i}`} role="option" aria-selected={i === at} onPointerDown={(event) => { event.preventDefault(); choose(i) }} onPointerMove={() => setAt(i)}
            className="cursor-pointer rounded-md px-3 py-1.5 aria-selected:bg-hover"
          >
            <bdi className="block truncate">{one.name}</bdi>{one.more && <span className="block truncate text-sm text-muted">{one.more}</span>}
          </li>
        ))}
        {items.length === 0 && <li role="option" aria-selected="false" aria-disabled="true" className="px-3 py-1.5 text-muted">{none}</li>}
      </ul>
    </div>
  )
}
