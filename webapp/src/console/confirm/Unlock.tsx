// "Unlock…": ends the lock that wrong codes brought on somebody else, after a confirmation on one's own phone.

import { useState } from 'react'
import { api } from '../api'
import { useT } from '../i18n'
import { useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { useConfirm } from './run'

/** Shown to who may: an Owner or Super Admin, never for themselves. */
export function Unlock({ person, name }: { person: string; name: string }) {
  const { t } = useT()
  const me = useSession().person
  const confirm = useConfirm()
  const announce = useAnnounce()
  const [done, setDone] = useState(false)
  if (person === '' || person === me.id || (me.role !== 'owner' && me.role !== 'super_admin')) return null
  async function run() {
    const outcome = await confirm({ action: 'person.unlock', resource: `person:${person}` }, 'console.unlock.after', ({ id }) => api.unlock(person, id))
    if (outcome?.kind !== 'done') return
    setDone(true)
    announce(t('console.unlock.done', { name }))
  }
  return <Button className="mt-3" aria-disabled={done} onClick={() => { if (!done) void run() }}>{t(done ? 'console.unlock.was' : 'console.unlock.action')}</Button>
}
