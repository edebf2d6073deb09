// "Sessions" in the tab Security: how long people stay signed in. A change is confirmed on the phone.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState, type FormEvent } from 'react'
import type { Limits, SessionLimits } from '../../shared/types'
import { api } from '../api'
import { useDecide } from '../conflict/decide'
import type { Difference } from '../conflict/EditConflict'
import { metLimits } from '../conflict/met'
import { saveOver } from '../conflict/save-over'
import { useConfirm } from '../confirm/run'
import { useT, type Key, type T } from '../i18n'
import { usePairing } from '../pairing/open'
import { keyOf, useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { SelectField } from '../ui/field'
import { Card, LoadError, Skeleton } from '../ui/parts'
import { lengths, unitOf } from './session-lengths'

const units: Record<'minutes' | 'hours' | 'days' | 'seconds', Key> = {
  seconds: 'console.limits.seconds',
  minutes: 'console.limits.minutes',
  hours: 'console.limits.hours',
  days: 'console.limits.days',
}

export function SessionLimitsCard() {
  const { t } = useT()
  const session = useSession()
  const limits = useQuery({ queryKey: keyOf(session, 'session-limits'), queryFn: api.sessionLimits })
  return (
    <section>
      <h2 className="mb-4 text-lg font-semibold">{t('console.limits.title')}</h2>
      <Card className="p-6 max-cards:p-5">
        {limits.isError && !limits.data && <LoadError error={limits.error} retry={() => void limits.refetch()} />}
        {limits.isPending && <Skeleton lines={4} />}
        {limits.data && <Form limits={limits.data} />}
      </Card>
    </section>
  )
}

const limitsOf = ({ idle_seconds, life_seconds }: Limits): Limits => ({ idle_seconds, life_seconds })

const same = (a: Limits, b: Limits) => a.idle_seconds === b.idle_seconds && a.life_seconds === b.life_seconds

function Form({ limits }: { limits: SessionLimits }) {
  const { t } = useT()
  const [base, setBase] = useState(() => limitsOf(limits))
  const [wanted, setWanted] = useState(base)
  // Somebody else's change is taken over where nothing else is wanted here. Where it is, saving asks which of the two holds.
  if (!same(base, limits) && (same(base, wanted) || same(limits, wanted))) {
    setBase(limitsOf(limits))
    setWanted(limitsOf(limits))
  }
  const { idle_seconds: idle, life_seconds: life } = wanted
  const different = !same(base, wanted)
  const save = useSave(base, wanted, (now, taken) => (taken ? setWanted(now) : setBase(now)))
  const saving = useRef(false)
  function submit(event: FormEvent) {
    event.preventDefault()
    if (!different || saving.current) return
    saving.current = true
    void save().finally(() => { saving.current = false })
  }
  const option = (seconds: number) => <option key={seconds} value={seconds}>{lengthOf(t, seconds)}</option>
  return (
    <form onSubmit={submit}>
      <fieldset disabled={!limits.can.change} className="grid gap-5 cards:grid-cols-2">
        <SelectField label={t('console.limits.idle')} value={idle} onChange={(event) => setWanted({ ...wanted, idle_seconds: Number(event.target.value) })}>
          {lengths('idle', limits).map(option)}
        </SelectField>
        <SelectField label={t('console.limits.life')} value={life} onChange={(event) => setWanted({ ...wanted, life_seconds: Number(event.target.value) })}>
          {lengths('life', limits).map(option)}
        </SelectField>
      </fieldset>
      <p className="mt-4 text-sm text-muted">{t('console.limits.text')}</p>
      <div className="mt-6 border-t border-line pt-6">
        {limits.can.change
          ? <Button type="submit" look="primary" aria-disabled={!different}>{t('console.policy.save')}</Button>
          : <p className="text-sm text-muted">{t('console.policy.read_only')}</p>}
      </div>
    </form>
  )
}

/** Confirms and saves. Where the limits were changed meanwhile it asks which version holds; `meet` is told of it, and whether it is taken over. */
function useSave(base: Limits, wanted: Limits, meet: (now: Limits, taken: boolean) => void): () => Promise<null> {
  const { t } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const confirm = useConfirm()
  const pairing = usePairing()
  const announce = useAnnounce()
  const decide = useDecide()
  const key = keyOf(session, 'session-limits')
  return () => saveOver<Limits, null>({
    base, same, wanted: (now) => same(now, wanted), read: () => api.sessionLimits().then(limitsOf), metBy: metLimits,
    meet: (now, taken) => {
      queries.setQueryData<SessionLimits>(key, (old) => old && { ...old, ...now })
      meet(now, taken)
    },
    decide: (theirs) => decide(t('console.limits.title'), differences(t, wanted, theirs)),
    save: async (was, refused) => {
      const outcome = await confirm<{ met: Limits } | { done: null }>({ action: 'session.limits', params: wanted }, 'console.limits.after', async ({ id }) => {
        try {
          await api.changeSessionLimits({ ...wanted, was, confirmation_id: id })
          return { done: null }
        } catch (error) {
          return refused(error)
        }
      })
      if (outcome?.kind === 'no_device') {
        void pairing()
        return null
      }
      if (outcome && 'done' in outcome.value) announce(t('console.limits.changed'))
      await queries.invalidateQueries({ queryKey: key })
      return outcome?.value ?? null
    },
  })
}

/** Two versions side by side where they differ. */
function differences(t: T, mine: Limits, theirs: Limits): Difference[] {
  return fields.filter(({ of }) => mine[of] !== theirs[of]).map(({ of, name }) => ({ name: t(name), mine: lengthOf(t, mine[of]), theirs: lengthOf(t, theirs[of]) }))
}

const fields: readonly { of: keyof Limits; name: Key }[] = [{ of: 'idle_seconds', name: 'console.limits.idle' }, { of: 'life_seconds', name: 'console.limits.life' }]

function lengthOf(t: T, seconds: number): string {
  const { unit, count } = unitOf(seconds)
  return t(units[unit], { count })
}
