// The dialogs of All Members: add a person, give a role, make a password link, turn access off and on.

import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react'
import type { PasswordLink, Person, Role } from '../../shared/types'
import { api } from '../api'
import { metRole } from '../conflict/met'
import { errorText, roleKey } from '../errors'
import { useT, type Key } from '../i18n'
import { calls } from '../notifications/calls'
import { keyOf, useSession } from '../session'
import { Button } from '../ui/button'
import { CopyField } from '../ui/copy'
import { Field, SelectField, toFirstMistake } from '../ui/field'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Rich, Skeleton, Time } from '../ui/parts'

/** The roles that can be given here; the one Owner is not. */
const given: readonly Exclude<Role, 'owner'>[] = ['super_admin', 'admin', 'user', 'guest']

const roleHint: Record<(typeof given)[number], Key> = {
  super_admin: 'console.role.super_admin_hint',
  admin: 'console.role.admin_hint',
  user: 'console.role.user_hint',
  guest: 'console.role.guest_hint',
}

const EditConflict = lazy(() => import('../conflict/EditConflict'))

export interface MadeLink extends PasswordLink { person: Person }

/** A form in a dialog: busy while it is sent, and what went wrong. */
export function useSubmit<T>(send: () => Promise<T>, done: (value: T) => void) {
  const { t, language } = useT()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  async function submit(event?: FormEvent) {
    event?.preventDefault()
    if (busy) return
    setBusy(true)
    setFailure(null)
    try {
      done(await send())
    } catch (error) {
      setFailure(errorText(t, language, error))
      setBusy(false)
    }
  }
  return { busy, failure, submit, setFailure, setBusy }
}

export function FormDialog({ title, form, action, danger = false, close, children }: { title: string; form: ReturnType<typeof useSubmit>; action: string; danger?: boolean; close: () => void; children: ReactNode }) {
  const { t } = useT()
  return (
    <Modal title={title} onCancel={close}>
      <form onSubmit={(event) => void form.submit(event)} noValidate className="contents">
        <div className="mt-5 space-y-4">{children}</div>
        {form.failure && <Notice tone="bad" alert className="mt-5">{form.failure}</Notice>}
        <ModalActions>
          <Button type="submit" look={danger ? 'danger' : 'primary'} busy={form.busy}>{action}</Button>
          <Button onClick={close}>{t('common.cancel')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}

export function RoleSelect({ value, change }: { value: Exclude<Role, 'owner'>; change: (role: Exclude<Role, 'owner'>) => void }) {
  const { t } = useT()
  return (
    <SelectField label={t('console.members.role')} hint={t(roleHint[value])} value={value} onChange={(event) => change(event.target.value as Exclude<Role, 'owner'>)}>
      {given.map((role) => <option key={role} value={role}>{t(roleKey[role])}</option>)}
    </SelectField>
  )
}

export function AddPersonDialog({ close }: { close: (made: MadeLink | null) => void }) {
  const { t } = useT()
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<Exclude<Role, 'owner'>>('user')
  const [checked, setChecked] = useState(false)
  const noName = name.trim() === ''
  const noEmail = !/^[^\s@]+@[^\s@]+$/.test(email.trim())
  const mails = useMails()
  const [mail, setMail] = useState(true)
  const form = useSubmit(() => api.addPerson({ name: name.trim(), email: email.trim(), role, mail: mails && mail }), close)
  const send = {
    ...form,
    submit: async (event?: FormEvent) => {
      event?.preventDefault()
      setChecked(true)
      if (noName || noEmail) return event && toFirstMistake(event.currentTarget)
      await form.submit()
    },
  }
  return (
    <FormDialog title={t('console.members.add')} form={send} action={t('console.members.add')} close={() => close(null)}>
      <Field label={t('console.name')} required autoComplete="off" value={name} error={checked && noName ? t('console.required') : null} onChange={(event) => setName(event.target.value)} />
      <Field label={t('console.email')} required type="email" autoComplete="off" value={email} error={checked && noEmail ? t('console.email_needed') : null} onChange={(event) => setEmail(event.target.value)} />
      <RoleSelect value={role} change={setRole} />
      {mails && (
        <label className="flex min-h-9 items-center gap-3">
          <input type="checkbox" className="size-5 accent-accent" checked={mail} onChange={(event) => setMail(event.target.checked)} />
          {t('console.members.send_link')}
        </label>
      )}
    </FormDialog>
  )
}

/** Whether this service can send mails. */
function useMails(): boolean {
  const session = useSession()
  return useQuery({ queryKey: keyOf(session, 'notifications'), queryFn: calls.notifications }).data?.mail.on ?? false
}

/** Gives somebody another role. Where it has been changed since the page showed it, both are put side by side. Closed with false, theirs holds. */
export function RoleDialog({ person, close }: { person: Person; close: (changed: boolean | null) => void }) {
  const { t } = useT()
  const [role, setRole] = useState<Exclude<Role, 'owner'>>(person.role === 'owner' ? 'super_admin' : person.role)
  const [met, setMet] = useState<Role | null>(null)
  const send = async () => {
    try {
      await api.changePerson(person.id, { role, was: { role: met ?? person.role } })
    } catch (error) {
      const now = metRole(error)
      if (!now) throw error
      return now
    }
    return null
  }
  const form: ReturnType<typeof useSubmit> = useSubmit(send, (now) => {
    if (!now) return close(true)
    setMet(now)
    form.setBusy(false)
  })
  if (met)
    return (
      <Suspense fallback={null}>
        <EditConflict
          what={person.name} rows={[{ name: t('console.members.role'), mine: t(roleKey[role]), theirs: t(roleKey[met]) }]}
          busy={form.busy} failure={form.failure} mine={() => void form.submit()} theirs={() => close(false)} leave={() => setMet(null)}
        />
      </Suspense>
    )
  return (
    <FormDialog title={t('console.members.change_role')} form={form} action={t('common.save')} close={() => close(null)}>
      <p className="text-muted [overflow-wrap:anywhere]"><bdi>{person.name}</bdi> · {person.email}</p>
      <RoleSelect value={role} change={setRole} />
    </FormDialog>
  )
}

/** `idp` is named to those whom the directory manages: it has the last word about them. */
export function ActiveDialog({ person, idp, close }: { person: Person; idp: string; close: (changed: true | null) => void }) {
  const { t } = useT()
  const action = t(person.active ? 'console.members.deactivate_action' : 'console.members.reactivate_action')
  const form = useSubmit(() => api.changePerson(person.id, { active: !person.active }), () => close(true))
  return (
    <FormDialog title={action} form={form} action={action} danger={person.active} close={() => close(null)}>
      <p className="[overflow-wrap:anywhere]"><Rich k={person.active ? 'console.members.deactivate_text' : 'console.members.reactivate_text'} parts={{ name: <bdi>{person.name}</bdi> }} /></p>
      {person.source === 'directory' && <Notice tone="warn">{t(person.active ? 'console.members.deactivate_managed' : 'console.members.reactivate_managed', { idp })}</Notice>}
    </FormDialog>
  )
}

/** Shows a link once: one that was made with a new person, or makes one for `person`. */
export function LinkDialog({ person, made, added = false, close }: { person?: Person; made?: MadeLink; added?: boolean; close: () => void }) {
  const { t } = useT()
  const who = made?.person ?? person
  const [link, setLink] = useState<PasswordLink | null>(made ?? null)
  const mails = useMails()
  const form = useSubmit(() => api.passwordLink(who?.id ?? ''), setLink)
  const mail = useSubmit(() => api.passwordLink(who?.id ?? '', true), setLink)
  const { submit } = form
  const asked = useRef(made !== undefined)
  useEffect(() => {
    if (asked.current) return
    asked.current = true
    void submit()
  })
  return (
    <Modal title={t(added ? 'console.link.added' : 'console.link.title')} onCancel={close} wide>
      {!link?.mailed_to && <p className="mt-3 mb-5 text-muted [overflow-wrap:anywhere]"><Rich k="console.link.text" parts={{ name: <bdi className="text-ink">{who?.name}</bdi>, email: <bdi className="text-ink">{who?.email}</bdi> }} /></p>}
      {link?.mailed_to && <Notice tone="good" className="mt-5">{t('console.link.mailed', { email: link.mailed_to })}</Notice>}
      {link?.link && link.expires_at && (
        <>
          <CopyField label={t('console.link.label')} value={link.link} />
          <p className="mt-3 text-sm text-muted"><Rich k="console.link.until" parts={{ time: <Time at={link.expires_at} /> }} /></p>
        </>
      )}
      {!link && !form.failure && <Skeleton lines={2} />}
      {form.failure && (
        <>
          <Notice tone="bad" alert>{form.failure}</Notice>
          <Button className="mt-4" onClick={() => void submit()}>{t('common.tryAgain')}</Button>
        </>
      )}
      {mail.failure && <Notice tone="bad" alert className="mt-4">{mail.failure}</Notice>}
      <ModalActions>
        <Button onClick={close}>{t('common.done')}</Button>
        {mails && !added && link?.link && <Button busy={mail.busy} onClick={() => void mail.submit()}>{t('console.link.by_mail')}</Button>}
      </ModalActions>
    </Modal>
  )
}
