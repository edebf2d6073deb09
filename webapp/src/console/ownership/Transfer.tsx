// Giving the ownership away: the Owner offers it, the other one accepts, each on their own phone.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Person } from '../../shared/types'
import { useConfirm } from '../confirm/run'
import { errorText, hasCode } from '../errors'
import { useT } from '../i18n'
import { usePairing } from '../pairing/open'
import { keyOf, mayConfigure, sessionQuery, useSession } from '../session'
import { useFresh } from '../shell/Reauth'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Rich, Time } from '../ui/parts'
import { ownershipApi } from './api'

/** Asks, checks that the sign-in is fresh, then the Owner's phone. */
export function useOfferOwnership() {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const dialogs = useDialogs()
  const fresh = useFresh()
  const confirm = useConfirm()
  const pairing = usePairing()
  const announce = useAnnounce()
  return async (person: Person) => {
    const sure = await dialogs.open<true>((close) => <OfferDialog name={person.name} close={close} />)
    if (!sure) return
    try {
      const ready = await fresh(async () => {
        try {
          await ownershipApi.offer(person.id)
        } catch (error) {
          if (!hasCode(error, 'confirmation_required')) throw error
        }
        return true
      })
      if (!ready) return
    } catch (error) {
      await dialogs.open<never>((close) => <FailureDialog text={errorText(t, language, error)} close={() => close(null)} />)
      return
    }
    const outcome = await confirm({ action: 'ownership.transfer', resource: `person:${person.id}` }, 'console.transfer.after_offer', ({ id }) => ownershipApi.offer(person.id, id))
    if (outcome?.kind === 'no_device') return void pairing()
    if (outcome?.kind === 'done') announce(t('console.transfer.offered', { name: person.name }))
    await queries.invalidateQueries({ queryKey: keyOf(session, 'ownership-transfer') })
  }
}

function OfferDialog({ name, close }: { name: string; close: (sure: true | null) => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.transfer.action')} onCancel={() => close(null)}>
      <p className="mt-3 [overflow-wrap:anywhere]"><Rich k="console.transfer.offer_text" parts={{ name: <bdi className="font-medium">{name}</bdi> }} /></p>
      <ul className="mt-3 list-disc space-y-1 ps-5 text-sm text-muted">
        <li>{t('console.transfer.offer_both')}</li>
        <li>{t('console.transfer.offer_role')}</li>
        <li>{t('console.transfer.offer_day')}</li>
      </ul>
      <ModalActions>
        <Button look="danger" onClick={() => close(true)}>{t('console.reauth.action')}</Button>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
      </ModalActions>
    </Modal>
  )
}

function FailureDialog({ text, close }: { text: string; close: () => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.transfer.action')} onCancel={close}>
      <Notice tone="bad" alert className="mt-5">{text}</Notice>
      <ModalActions><Button onClick={close}>{t('common.close')}</Button></ModalActions>
    </Modal>
  )
}

/** An open offer, to those whom it concerns: the Owner takes it back, the other one accepts or declines. Nothing where there is none. */
export function OpenTransfer({ className = '' }: { className?: string }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const confirm = useConfirm()
  const pairing = usePairing()
  const announce = useAnnounce()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  const { data } = useQuery({ queryKey: keyOf(session, 'ownership-transfer'), queryFn: ownershipApi.transfer, enabled: mayConfigure(session), refetchInterval: 30_000 })
  const transfer = data?.transfer
  if (!transfer) return null
  const again = () => queries.invalidateQueries({ queryKey: keyOf(session, 'ownership-transfer') })
  async function run(work: () => Promise<unknown>, said: string) {
    setBusy(true)
    setFailure(null)
    try {
      await work()
      announce(said)
    } catch (error) {
      setFailure(errorText(t, language, error))
    }
    setBusy(false)
    await again()
  }
  async function accept(id: string) {
    setFailure(null)
    const outcome = await confirm({ action: 'ownership.accept', resource: `transfer:${id}` }, 'console.transfer.after_accept', (confirmation) => ownershipApi.accept(confirmation.id))
    if (outcome?.kind === 'no_device') return void pairing()
    if (outcome?.kind === 'done') {
      announce(t('console.transfer.yours'))
      await queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
      await queries.invalidateQueries({ queryKey: keyOf(session, 'people') })
    }
    await again()
  }
  const mine = transfer.to.id === session.person.id
  const given = transfer.from.id === session.person.id
  const parts = { from: <bdi className="font-medium">{transfer.from.name}</bdi>, to: <bdi className="font-medium">{transfer.to.name}</bdi>, time: <Time at={transfer.expires_at} /> }
  return (
    <Notice tone="warn" className={className}>
      <p data-testid="ownership-offer"><Rich k={mine ? 'console.transfer.to_me' : given ? 'console.transfer.by_me' : 'console.transfer.open'} parts={parts} /></p>
      {failure && <p role="alert" className="mt-2 text-bad">{failure}</p>}
      {mine && (
        <div className="mt-3 flex flex-wrap gap-3">
          <Button look="primary" onClick={() => void accept(transfer.id)}>{t('console.transfer.accept')}</Button>
          <Button busy={busy} onClick={() => void run(ownershipApi.decline, t('console.transfer.declined'))}>{t('console.transfer.decline')}</Button>
        </div>
      )}
      {given && <Button busy={busy} className="mt-3" onClick={() => void run(ownershipApi.withdraw, t('console.transfer.withdrawn'))}>{t('console.transfer.withdraw')}</Button>}
    </Notice>
  )
}
