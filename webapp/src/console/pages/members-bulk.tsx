// What can be done to several local people at once. Each is a call of its own: who cannot be changed is named with the reason, the others are.
// Loaded when somebody is chosen.

import { useState } from 'react'
import type { Person, Role } from '../../shared/types'
import { api } from '../api'
import { metRole } from '../conflict/met'
import { useWords } from '../conflict/words'
import { errorText, roleKey } from '../errors'
import { useT, type Key } from '../i18n'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Notice } from '../ui/notice'
import { FormDialog, RoleSelect, useSubmit } from './person-dialogs'

type What = 'role' | 'deactivate' | 'reactivate'

export default function BulkBar({ people, clear, refresh }: { people: Person[]; clear: () => void; refresh: () => Promise<void> }) {
  const { t } = useT()
  const dialogs = useDialogs()
  const announce = useAnnounce()
  const [result, setResult] = useState<{ good: boolean; text: string } | null>(null)
  const act = async (what: What) => {
    setResult(null)
    const done = await dialogs.open<{ good: boolean; text: string }>((close) => <BulkDialog what={what} people={people} close={close} />)
    if (!done) return
    setResult(done)
    announce(done.text)
    clear()
    await refresh()
  }
  if (people.length === 0) return result && <Notice tone={result.good ? 'good' : 'warn'} className="m-4">{result.text}</Notice>
  return (
    <div role="group" aria-label={t('console.members.bulk')} className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-sunken px-6 py-3 max-cards:px-5">
      <p role="status" className="mr-2 font-medium">{t('console.members.chosen', { count: people.length })}</p>
      <Button onClick={() => void act('role')}>{t('console.members.bulk_role')}</Button>
      {people.some((person) => person.active) && <Button look="danger" onClick={() => void act('deactivate')}>{t('console.members.deactivate')}</Button>}
      {people.some((person) => !person.active) && <Button onClick={() => void act('reactivate')}>{t('console.members.reactivate')}</Button>}
      <Button look="quiet" onClick={clear}>{t('console.members.bulk_clear')}</Button>
    </div>
  )
}

const words: Record<What, { title: Key; action: Key; done?: Key }> = {
  role: { title: 'console.members.bulk_role', action: 'common.save' },
  deactivate: { title: 'console.members.deactivate_action', action: 'console.members.deactivate_action', done: 'console.members.bulk_deactivate_text' },
  reactivate: { title: 'console.members.reactivate_action', action: 'console.members.reactivate_action', done: 'console.members.bulk_reactivate_text' },
}

function BulkDialog({ what, people, close }: { what: What; people: Person[]; close: (done: { good: boolean; text: string } | null) => void }) {
  const { t, language } = useT()
  const say = useWords()
  const [role, setRole] = useState<Exclude<Role, 'owner'>>('user')
  const concerned = what === 'role' ? people : people.filter((person) => person.active === (what === 'deactivate'))
  const form = useSubmit(run, close)
  async function run() {
    const failed: unknown[] = []
    const left: string[] = [] // what the page showed of them was not so any more
    for (const person of concerned) {
      try {
        await api.changePerson(person.id, { ...(what === 'role' ? { role } : { active: what === 'reactivate' }), was: { role: person.role } })
      } catch (error) {
        const now = metRole(error)
        if (now) left.push(`${person.name} (${t(roleKey[now])})`)
        else failed.push(error)
      }
    }
    const changed = concerned.length - failed.length - left.length
    const parts = [changed > 0 && t('console.members.bulk_done', { count: changed }),
      left.length > 0 && say('edit.left', { who: left.join(', ') }),
      failed.length > 0 && t('console.members.bulk_failed', { count: failed.length, why: errorText(t, language, failed[0]) })]
    return { good: changed === concerned.length, text: parts.filter(Boolean).join('. ') }
  }
  const text = words[what].done
  return (
    <FormDialog title={t(words[what].title)} form={form} action={t(words[what].action)} danger={what === 'deactivate'} close={() => close(null)}>
      {text && <p>{t(text, { count: concerned.length })}</p>}
      <ul className="max-h-48 list-disc overflow-y-auto ps-5 text-sm text-muted">{concerned.map((person) => <li key={person.id}><bdi className="[overflow-wrap:anywhere]">{person.name}</bdi></li>)}</ul>
      {what === 'role' && <RoleSelect value={role} change={setRole} />}
    </FormDialog>
  )
}
