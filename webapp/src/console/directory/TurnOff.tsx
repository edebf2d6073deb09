// The folded "Danger" of the Directory Sync section: turning directory sync off, with what becomes of people and teams said first.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { roleKey } from '../errors'
import { useT, type Key } from '../i18n'
import { useConfirm } from '../confirm/run'
import { usePairing } from '../pairing/open'
import { keyOf, mayManagePeople, useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { LoadError, Skeleton } from '../ui/parts'
import { directoryApi } from './api'
import type { TurnedOff, TurnOffPlan } from './types'

type Choice = 'keep' | 'remove'

export function Danger() {
  const { t } = useT()
  const session = useSession()
  const dialogs = useDialogs()
  const confirm = useConfirm()
  const pair = usePairing()
  const announce = useAnnounce()
  const queries = useQueryClient()
  const [done, setDone] = useState<TurnedOff | null>(null)
  const manage = mayManagePeople(session)
  async function run() {
    setDone(null)
    const people = await dialogs.open<Choice>((close) => <TurnOffDialog close={close} />)
    if (!people) return
    const outcome = await confirm({ action: 'directory.turn_off', params: { people } }, 'console.off.after', ({ id }) => directoryApi.turnOff(people, id))
    if (outcome?.kind === 'no_device') await pair()
    if (outcome?.kind === 'done') {
      setDone(outcome.value)
      announce(t('console.off.done'))
    }
    await queries.invalidateQueries({ queryKey: keyOf(session) })
  }
  return (
    <details className="rounded-xl border border-line px-6 py-4 max-cards:px-5">
      <summary className="w-fit rounded-sm font-semibold">{t('console.off.danger')}</summary>
      <div className="mt-4 flex flex-wrap items-center justify-between gap-4">
        <p className="min-w-0 flex-1 basis-72 text-muted">{t('console.off.text')}</p>
        {manage && <Button look="danger" onClick={() => void run()}>{t('console.off.action')}</Button>}
      </div>
      {!manage && <p className="mt-2 text-sm text-muted">{t('console.dir.read_only')}</p>}
      {done && <Notice tone="good" className="mt-4">{t('console.off.done')} {t(done.people === 'keep' ? 'console.off.kept' : 'console.off.removed', { count: done.people === 'keep' ? done.kept : done.removed, teams: done.teams })}</Notice>}
    </details>
  )
}

function TurnOffDialog({ close }: { close: (choice: Choice | null) => void }) {
  const { t } = useT()
  const session = useSession()
  const plan = useQuery({ queryKey: keyOf(session, 'turn-off'), queryFn: directoryApi.turnOffPlan, staleTime: 0, gcTime: 0 })
  const [choice, setChoice] = useState<Choice | null>(null)
  const [tried, setTried] = useState(false)
  const on = plan.data?.on === true
  const go = () => {
    setTried(true)
    if (choice) close(choice)
  }
  return (
    <Modal title={t('console.off.title')} onCancel={() => close(null)} wide>
      {plan.isPending && <Skeleton lines={6} className="mt-5" />}
      {plan.isError && <LoadError error={plan.error} retry={() => void plan.refetch()} />}
      {plan.data && !on && <p className="mt-3 text-muted">{t('console.off.nothing')}</p>}
      {plan.data && on && <Plan plan={plan.data} choice={choice} choose={setChoice} missing={tried && choice === null} />}
      <ModalActions>
        <Button onClick={() => close(null)}>{t(on || plan.isPending ? 'common.cancel' : 'common.close')}</Button>
        {on && <Button look="danger" onClick={go}>{t('console.off.submit')}</Button>}
      </ModalActions>
    </Modal>
  )
}

const choices: { value: Choice; name: Key; text: Key }[] = [
  { value: 'keep', name: 'console.off.keep', text: 'console.off.keep_text' },
  { value: 'remove', name: 'console.off.remove', text: 'console.off.remove_text' },
]

/** The dry run: what would happen, before anything is chosen. */
function Plan({ plan, choice, choose, missing }: { plan: TurnOffPlan; choice: Choice | null; choose: (choice: Choice) => void; missing: boolean }) {
  const { t, language } = useT()
  const n = (value: number) => new Intl.NumberFormat(language).format(value)
  const fact = (key: Key, value: number) => (
    <div className="flex flex-col"><dt className="text-sm text-muted">{t(key)}</dt><dd className="text-2xl font-semibold tabular-nums">{n(value)}</dd></div>
  )
  return (
    <>
      <p className="mt-3 text-muted">{plan.tokens > 0 ? t('console.off.effect', { count: plan.tokens }) : t('console.off.effect_without')}</p>
      <dl className="mt-4 flex flex-wrap gap-x-10 gap-y-3">
        {fact('console.off.people', plan.people)}
        {fact('console.off.active', plan.people_active)}
        {fact('console.off.teams', plan.teams)}
      </dl>
      <fieldset className="mt-6" aria-describedby={missing ? 'turn-off-missing' : undefined}>
        <legend className="mb-2 font-medium">{t('console.off.question')}</legend>
        <div className="space-y-3">
          {choices.map(({ value, name, text }) => (
            <label key={value} className="flex items-start gap-3">
              <input type="radio" name="turn-off" value={value} checked={choice === value} onChange={() => choose(value)} className="mt-1 size-4" />
              <span>
                <span className="font-medium">{t(name)}</span>
                <span className="block text-sm text-muted">{t(text)}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      {missing && <Notice tone="bad" alert className="mt-4"><span id="turn-off-missing">{t('console.off.choose')}</span></Notice>}
      {choice === 'remove' && plan.stays.length > 0 && (
        <div className="mt-4 text-sm">
          <p className="text-muted">{t('console.off.stays')}</p>
          <ul className="mt-1 list-disc ps-5">{plan.stays.map((one) => <li key={one.id}><bdi>{one.name}</bdi> ({t(one.reason === 'owner' ? roleKey.owner : 'console.off.you')})</li>)}</ul>
        </div>
      )}
    </>
  )
}
