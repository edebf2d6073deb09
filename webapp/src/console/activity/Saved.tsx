// Filters of the activity that this browser remembers under a name. What is applied stands in the address, as every filter does.

import { useId, useState } from 'react'
import { useT } from '../i18n'
import { useSession } from '../session'
import { Button } from '../ui/button'
import { Icon } from '../ui/icons'
import { changeActivity, narrowed, savedFilters, type ActivitySearch, type SavedFilter } from './search'

const most = 12

function load(key: string): SavedFilter[] {
  try {
    return savedFilters(JSON.parse(localStorage.getItem(key) ?? '[]'))
  } catch {
    return []
  }
}

export function Saved({ search, apply }: { search: ActivitySearch; apply: (search: ActivitySearch) => void }) {
  const { t } = useT()
  const { workspace } = useSession()
  const key = `countersign.activityFilters.${workspace.slug}`
  const [list, setList] = useState(() => load(key))
  const [name, setName] = useState('')
  const id = useId()
  const can = name.trim() !== '' && narrowed(search)
  function keep(next: SavedFilter[]) {
    setList(next)
    try {
      localStorage.setItem(key, JSON.stringify(next))
    } catch { /* it holds until the page is left */ }
  }
  function save() {
    if (!can) return
    keep([{ name: name.trim(), search: changeActivity(search, {}) }, ...list.filter((one) => one.name !== name.trim())].slice(0, most))
    setName('')
  }
  return (
    <div className="flex flex-wrap items-end gap-x-6 gap-y-3">
      {list.length > 0 && (
        <ul aria-label={t('console.activity.saved')} className="flex flex-wrap gap-2">
          {list.map((one) => (
            <li key={one.name} className="inline-flex max-w-full items-center rounded-full border border-edge text-sm">
              <button type="button" onClick={() => apply(one.search)} className="min-h-9 truncate rounded-l-full py-0.5 pr-1 pl-3 hover:bg-hover max-cards:min-h-11">{one.name}</button>
              <button type="button" aria-label={t('console.activity.saved_remove', { name: one.name })} onClick={() => keep(list.filter((other) => other !== one))} className="grid min-h-9 w-9 place-items-center rounded-r-full hover:bg-hover max-cards:min-h-11 max-cards:w-11"><Icon name="close" className="size-3.5" /></button>
            </li>
          ))}
        </ul>
      )}
      {narrowed(search) && (
        <form onSubmit={(event) => { event.preventDefault(); save() }} className="min-w-0 flex-1 basis-72">
          <label htmlFor={id} className="mb-1.5 block text-sm font-medium">{t('console.activity.save_as')}</label>
          <div className="flex flex-wrap gap-2">
            <input id={id} value={name} maxLength={60} autoComplete="off" onChange={(event) => setName(event.target.value)} className="min-h-10 min-w-0 flex-1 basis-40 rounded-lg border border-edge bg-surface px-3 py-1.5 max-cards:min-h-11" />
            <Button type="submit" aria-disabled={!can}>{t('console.activity.save_filters')}</Button>
          </div>
        </form>
      )}
    </div>
  )
}
