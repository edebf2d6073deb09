// What can be done to a person, in the list and on their page. An action that is not possible says why.

import { useQuery } from '@tanstack/react-query'
import type { Person } from '../../shared/types'
import { api } from '../api'
import { useT } from '../i18n'
import { useOfferOwnership } from '../ownership/Transfer'
import { usePersonDialog } from '../pages/person-late'
import { keyOf, mayConfigure, useSession } from '../session'
import { useAnnounce } from '../ui/announce'

export interface PersonAction { name: string; run: () => void; reason?: string; danger?: true }

/** The identity provider's name, which only those who may configure can ask for. */
export function useIdpName(): string {
  const { t } = useT()
  const session = useSession()
  const directory = useQuery({ queryKey: keyOf(session, 'directory'), queryFn: () => api.directory(), enabled: mayConfigure(session), staleTime: 60_000 })
  return directory.data?.idp.name ?? t('console.members.directory')
}

/**
 * For Owner and Super Admin. `refresh` is called after a change. In the list a directory's people are left to the directory; their page has the
 * room to say that turning them off here lasts until the directory's next call.
 */
export function usePersonActions(person: Person, idp: string, refresh: () => Promise<void>, inList = false): PersonAction[] {
  const { t } = useT()
  const open = usePersonDialog()
  const announce = useAnnounce()
  const session = useSession()
  const owner = person.role === 'owner'
  const transfer = useOfferOwnership()
  const transferReason = owner ? t('console.transfer.is_owner') : !person.active ? t('console.error.person_inactive')
    : person.role !== 'super_admin' && person.role !== 'admin' ? t('console.transfer.admins_only') : undefined
  const linkReason = !person.active ? t('console.error.person_inactive') : owner && session.person.role !== 'owner' ? t('console.members.owner_only') : undefined
  const activeReason = inList && person.source === 'directory' ? t('console.members.managed', { idp })
    : person.id === session.person.id ? t('console.error.own_account')
    : owner ? t('console.members.owner_only') : undefined
  async function change(dialog: 'role' | 'active') {
    const changed = await open<boolean>(({ RoleDialog, ActiveDialog }, close) => (dialog === 'role' ? <RoleDialog person={person} close={close} /> : <ActiveDialog person={person} idp={idp} close={close} />))
    if (changed === null) return
    if (changed) announce(t('console.members.saved', { name: person.name }))
    await refresh()
  }
  async function link() {
    await open<never>(({ LinkDialog }, close) => <LinkDialog person={person} close={() => close(null)} />)
    await refresh()
  }
  return [
    { name: t('console.members.change_role'), run: () => void change('role'), reason: owner ? t('console.error.one_owner') : undefined },
    ...(session.person.role === 'owner' ? [{ name: t('console.transfer.action'), run: () => void transfer(person), reason: transferReason, danger: true as const }] : []),
    { name: t('console.members.make_link'), run: () => void link(), reason: linkReason },
    { name: t(person.active ? 'console.members.deactivate' : 'console.members.reactivate'), run: () => void change('active'), reason: activeReason, ...(person.active && { danger: true as const }) },
  ]
}
