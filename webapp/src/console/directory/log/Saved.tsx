// Filters that this browser remembers under a name.

import { useId, useState } from 'react'
import { useT } from '../../i18n'
import { useSession } from '../../session'
import { Button } from '../../ui/button'
import { Icon } from '../../ui/icons'
import { active, readSearch, type LogSearch } from './filters'

interface Named { name: string; search: LogSearch }

const most = 12

function load(key: string): Named[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(key) ?? '[]')
    if (!Array.isArray(list)) return []
    return list.filter((one): one is Named => typeof one?.name === 'string' && typeof one.search === 'object' && one.search !== null)
      .map((one) => ({ name: one.name.slice(0, 60), search: readSearch(one.search as Record<string, unknown>) }))
  } catch {
    return []
  }
}

export function Saved({ search, apply }: { search: LogSearch; apply: (search: LogSearch) => void }) {
  const { t } = useT()
  const { workspace } = useSession()
  const key = `countersign.logFilters.${workspace.slug}`
  const [list, setList] = useState(() => load(key))
  const [name, setName] = useState('')
  const id = useId()
  function keep(next: Named[]) {
    setList(next)
    try {
      localStorage.setItem(key, JSON.stringify(next))
    } catch { /* it holds until the page is left */ }
  }
  function save() {
    const { after: _after, before: _before, ...filters } = search
    keep([{ name: name.trim(), search: filters }, ...list.filter((one) => one.name !== name.trim())].slice(0, most))
    setName('')
  }
  return (
    <div>
      {list.length > 0 && (
        <ul aria-label={t('console.log.saved')} className="mb-3 flex flex-wrap gap-2">
          {list.map((one) => (
            <li key={one.name} className="inline-flex max-w-full items-center rounded-full border border-edge text-sm">
              <button type="button" onClick={() => apply({ ...Object.fromEntries(active(search).map((set) => [set, undefined])), ...one.search })} className="min-h-8 truncate rounded-l-full py-0.5 pr-1 pl-3 hover:bg-hover">{one.name}</button>
              <button type="button" aria-label={t('console.log.saved_remove', { name: one.name })} onClick={() => keep(list.filter((other) => other !== one))} className="grid min-h-8 w-8 place-items-center rounded-r-full hover:bg-hover"><Icon name="close" className="size-3.5" /></button>
            </li>
          ))}
        </ul>
      )}
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.log.save_as')}</label>
      <div className="flex flex-wrap gap-2">
        <input id={id} value={name} maxLength={60} onChange={(event) => setName(event.target.value)} className="min-h-10 min-w-0 flex-1 basis-40 rounded-lg border border-edge bg-surface px-3 py-1.5" />
        <Button aria-disabled={!name.trim() || active(search).length === 0} onClick={() => { if (name.trim() && active(search).length > 0) save() }}>{t('console.log.save_filters')}</Button>
      </div>
    </div>
  )
}
