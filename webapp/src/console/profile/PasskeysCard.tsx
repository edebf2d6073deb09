// "Passkeys" on My Profile.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { Passkey } from '../../shared/types'
import { api } from '../api'
import { errorText } from '../errors'
import { useT } from '../i18n'
import { makePasskey, PasskeyLeft, passkeysHere } from '../passkey'
import { keyOf, useSession } from '../session'
import { useFresh } from '../shell/Reauth'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Field } from '../ui/field'
import { Icon } from '../ui/icons'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Badge, Card, LoadError, Rich, Skeleton, Time } from '../ui/parts'

export function PasskeysCard() {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  const fresh = useFresh()
  const announce = useAnnounce()
  const passkeys = useQuery({ queryKey: keyOf(session, 'passkeys'), queryFn: () => api.passkeys() })
  const [failure, setFailure] = useState<string | null>(null)
  const [busy, setBusy] = useState('')
  const again = () => queries.invalidateQueries({ queryKey: keyOf(session, 'passkeys') })
  async function run(which: string, work: () => Promise<void>) {
    setFailure(null)
    setBusy(which)
    try {
      await work()
    } catch (error) {
      setFailure(error instanceof PasskeyLeft ? t('console.passkeys.left') : errorText(t, language, error))
    }
    setBusy('')
    await again()
  }
  const add = () => run('add', async () => {
    const name = await dialogs.open<string>((close) => <NameDialog close={close} />)
    const ceremony = name && (await fresh(() => api.passkeyOptions()))
    if (!name || !ceremony) return
    await api.addPasskey({ ceremony: ceremony.ceremony, name, response: await makePasskey(ceremony) })
    announce(t('console.passkeys.added_named', { name }))
  })
  const remove = (passkey: Passkey) => run(passkey.id, async () => {
    const sure = await dialogs.open<true>((close) => <RemoveDialog name={passkey.name} close={close} />)
    if (!sure || (await fresh(async () => { await api.removePasskey(passkey.id); return true })) === null) return
    announce(t('console.passkeys.removed_named', { name: passkey.name }))
  })
  const rename = (passkey: Passkey) => run(passkey.id, async () => {
    const name = await dialogs.open<string>((close) => <NameDialog passkey={passkey} close={close} />)
    if (!name || name === passkey.name) return
    await api.renamePasskey(passkey.id, name)
    announce(t('console.passkeys.renamed', { name }))
  })
  const items = passkeys.data?.items ?? []
  const possible = passkeys.data?.available && passkeysHere()
  return (
    <section className="mt-10">
      <div className="mb-4 flex flex-wrap items-center justify-between gap-4">
        <h2 className="text-lg font-semibold">{t('console.passkeys.title')}</h2>
        {possible && <Button busy={busy === 'add'} onClick={() => void add()}><Icon name="key" className="size-4.5" />{t('console.passkeys.add')}</Button>}
      </div>
      <Card>
        {failure && <Notice tone="bad" alert className="m-5">{failure}</Notice>}
        {passkeys.isPending && <Skeleton lines={2} className="p-6" />}
        {passkeys.isError && !passkeys.data && <LoadError error={passkeys.error} retry={() => void passkeys.refetch()} />}
        {passkeys.data && items.length === 0 && <p className="p-6 text-muted max-cards:p-5">{t(possible ? 'console.passkeys.none' : 'console.passkeys.impossible')}</p>}
        {items.length > 0 && (
          <ul className="divide-y divide-line">
            {items.map((passkey) => (
              <li key={passkey.id} className="flex flex-wrap items-center gap-x-4 gap-y-3 p-6 max-cards:p-5">
                <div className="min-w-0 flex-1 basis-48">
                  <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
                    <bdi className="font-semibold [overflow-wrap:anywhere]">{passkey.name}</bdi>
                    {passkey.synced && <Badge tone="plain">{t('console.passkeys.synced')}</Badge>}
                  </p>
                  <p className="mt-1 text-sm text-muted">
                    <Rich k="console.passkeys.made" parts={{ time: <Time at={passkey.created_at} /> }} />{' · '}
                    {passkey.last_used_at ? <Rich k="console.passkeys.used" parts={{ time: <Time short at={passkey.last_used_at} /> }} /> : t('console.passkeys.unused')}
                  </p>
                </div>
                <Button aria-label={t('console.devices.rename_named', { name: passkey.name })} onClick={() => void rename(passkey)}>{t('console.devices.rename')}</Button>
                <Button aria-label={t('console.passkeys.remove_named', { name: passkey.name })} onClick={() => void remove(passkey)}>{t('console.passkeys.remove')}</Button>
              </li>
            ))}
          </ul>
        )}
      </Card>
    </section>
  )
}

/** Asks for the name of a new passkey, or of one that has one. */
function NameDialog({ passkey, close }: { passkey?: Passkey; close: (name: string | null) => void }) {
  const { t } = useT()
  const [name, setName] = useState(passkey?.name ?? '')
  const [error, setError] = useState<string | null>(null)
  function submit(event: FormEvent) {
    event.preventDefault()
    if (!name.trim()) return setError(t('console.required'))
    close(name.trim())
  }
  return (
    <Modal title={t(passkey ? 'console.passkeys.rename_title' : 'console.passkeys.add')} onCancel={() => close(null)}>
      <form onSubmit={submit} noValidate className="contents">
        {passkey ? <div className="mt-5" /> : <p className="mt-3 mb-5 text-muted">{t('console.passkeys.text')}</p>}
        <Field label={t('console.passkeys.name')} hint={t('console.passkeys.name_hint')} maxLength={64} autoComplete="off" value={name} error={error} onChange={(event) => { setName(event.target.value); setError(null) }} />
        <ModalActions>
          <Button look="primary" type="submit">{t(passkey ? 'common.save' : 'console.reauth.action')}</Button>
          <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}

function RemoveDialog({ name, close }: { name: string; close: (sure: true | null) => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.passkeys.remove_title')} onCancel={() => close(null)}>
      <p className="mt-3 [overflow-wrap:anywhere]"><Rich k="console.passkeys.remove_text" parts={{ name: <bdi>{name}</bdi> }} /></p>
      <ModalActions>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        <Button look="danger" onClick={() => close(true)}>{t('console.passkeys.remove')}</Button>
      </ModalActions>
    </Modal>
  )
}
