// "Sessions" in the tab Security: how long people stay signed in. A change is confirmed on the phone.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { SessionLimits } from '../../shared/types'
import { api } from '../api'
import { useConfirm } from '../confirm/run'
import { useT, type Key } from '../i18n'
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
        {limits.data && <Form key={`${limits.data.idle_seconds} ${limits.data.life_seconds}`} limits={limits.data} />}
      </Card>
    </section>
  )
}

function Form({ limits }: { limits: SessionLimits }) {
  const { t } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const confirm = useConfirm()
  const pairing = usePairing()
  const announce = useAnnounce()
  const [idle, setIdle] = useState(limits.idle_seconds)
  const [life, setLife] = useState(limits.life_seconds)
  const different = idle !== limits.idle_seconds || life !== limits.life_seconds
  async function save(event: FormEvent) {
    event.preventDefault()
    if (!different) return
    const params = { idle_seconds: idle, life_seconds: life }
    const outcome = await confirm({ action: 'session.limits', params }, 'console.limits.after', ({ id }) => api.changeSessionLimits({ ...params, confirmation_id: id }))
    if (outcome?.kind === 'no_device') return void pairing()
    if (outcome?.kind === 'done') announce(t('console.limits.changed'))
    await queries.invalidateQueries({ queryKey: keyOf(session, 'session-limits') })
  }
  const option = (seconds: number) => {
    const { unit, count } = unitOf(seconds)
    return <option key={seconds} value={seconds}>{t(units[unit], { count })}</option>
  }
  return (
    <form onSubmit={(event) => void save(event)}>
      <fieldset disabled={!limits.can.change} className="grid gap-5 cards:grid-cols-2">
        <SelectField label={t('console.limits.idle')} value={idle} onChange={(event) => setIdle(Number(event.target.value))}>
          {lengths('idle', limits).map(option)}
        </SelectField>
        <SelectField label={t('console.limits.life')} value={life} onChange={(event) => setLife(Number(event.target.value))}>
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
