// "Resolve conflict": a userName that somebody has already. Who it is, how the two can be one person, what that would change, and only then the real thing.

import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useId, useState } from 'react'
import { errorText, roleKey } from '../../errors'
import { useT, type Key } from '../../i18n'
import { keyOf, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button, textLink } from '../../ui/button'
import { Modal, ModalActions } from '../../ui/modal'
import { Notice } from '../../ui/notice'
import { Badge, LoadError, Rich, Skeleton } from '../../ui/parts'
import { directoryApi } from '../api'
import { Said } from '../frame'
import type { CallConflict, CallDetail } from '../types'
import { Outcome } from './Replay'

type Choice = 'one' | 'two'

const ways: Record<NonNullable<CallConflict['way']>, { name: Key; text: Key }> = {
  merge: { name: 'console.conflict.merge', text: 'console.conflict.merge_text' },
  revive: { name: 'console.conflict.revive', text: 'console.conflict.revive_text' },
  fold: { name: 'console.conflict.merge', text: 'console.conflict.fold_text' },
}

export function ResolveDialog({ call, close }: { call: CallDetail; close: (done: true | null) => void }) {
  const { t } = useT()
  const session = useSession()
  const found = useQuery({ queryKey: keyOf(session, 'conflict', call.id), queryFn: () => directoryApi.conflict(call.id), gcTime: 0, staleTime: Infinity, retry: false, refetchOnWindowFocus: false })
  return (
    <Modal title={t('console.conflict.title')} wide onCancel={() => close(null)}>
      <p className="mt-2 text-muted [overflow-wrap:anywhere]"><Said times={call.sentence_times}>{call.sentence}</Said></p>
      {found.data ? <Settle call={call} conflict={found.data} close={close} /> : (
        <>
          {found.isPending && <Skeleton lines={5} className="mt-5" />}
          {found.isError && <LoadError error={found.error} retry={() => void found.refetch()} />}
          <ModalActions><Button onClick={() => close(null)}>{t('common.close')}</Button></ModalActions>
        </>
      )}
    </Modal>
  )
}

function Settle({ call, conflict: { holder, way }, close }: { call: CallDetail; conflict: CallConflict; close: (done: true | null) => void }) {
  const { t, language } = useT()
  const session = useSession()
  const announce = useAnnounce()
  const [choice, setChoice] = useState<Choice | null>(null)
  const one = choice === 'one'
  const dry = useQuery({
    queryKey: keyOf(session, 'conflict-rehearsal', call.id), queryFn: () => directoryApi.settle(call.id, holder.id, true),
    enabled: one, gcTime: 0, staleTime: Infinity, retry: false, refetchOnWindowFocus: false,
  })
  const run = useMutation({
    mutationFn: () => directoryApi.settle(call.id, holder.id, false),
    onSuccess: (done) => announce(t(done.status < 400 ? 'console.log.replay_done' : 'console.log.replay_refused'), done.status >= 400),
  })
  const shown = run.data ?? (one ? dry.data : undefined)
  return (
    <>
      <div className="mt-5 rounded-lg border border-line bg-sunken p-4">
        <p className="text-sm text-muted">{t('console.conflict.holder')}</p>
        <p className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1">
          <Link to="/members/$id" params={{ id: holder.id }} className={`${textLink} [overflow-wrap:anywhere]`}><bdi>{holder.name || holder.user_name}</bdi></Link>
          <span className="min-w-0 text-muted [overflow-wrap:anywhere]">{holder.user_name}</span>
        </p>
        <p className="mt-2 flex flex-wrap gap-2">
          <Badge tone="plain">{t(holder.source === 'local' ? 'console.members.local' : 'console.members.directory')}</Badge>
          <Badge tone="plain">{t(roleKey[holder.role])}</Badge>
          <Badge tone={holder.active ? 'good' : 'warn'}>{t(holder.active ? 'console.members.active' : 'console.members.deactivated')}</Badge>
        </p>
      </div>
      {!run.data && <Choices way={way} name={holder.name || holder.user_name} choice={choice} choose={setChoice} />}
      {!way && <p className="mt-4 text-sm text-muted">{holder.source === 'local' ? <Rich k="console.conflict.admin" values={{ role: t(roleKey[holder.role]) }} parts={{ name: <bdi>{holder.name}</bdi> }} /> : t('console.conflict.provider')}</p>}
      <div className="mt-5 space-y-4 empty:hidden">
        {one && dry.isPending && <Skeleton lines={4} />}
        {one && dry.isError && <Notice tone="bad" alert>{errorText(t, language, dry.error)}</Notice>}
        {run.isError && <Notice tone="bad" alert>{errorText(t, language, run.error)}</Notice>}
        {shown && <Outcome replayed={shown} />}
      </div>
      <ModalActions>
        {!run.data && one && dry.data && dry.data.status < 400 && <Button look="primary" busy={run.isPending} onClick={() => run.mutate()}>{t('console.log.replay_run')}</Button>}
        <Button onClick={() => close(run.data ? true : null)}>{t(run.data || choice === 'two' ? 'common.close' : 'common.cancel')}</Button>
      </ModalActions>
    </>
  )
}

function Choices({ way, name, choice, choose }: { way: CallConflict['way']; name: string; choice: Choice | null; choose: (choice: Choice) => void }) {
  const { t } = useT()
  const id = useId()
  const all: { value: Choice; name: Key; text: Key }[] = [...(way ? [{ value: 'one' as const, ...ways[way] }] : []), { value: 'two', name: 'console.conflict.both', text: 'console.conflict.both_text' }]
  return (
    <fieldset className="mt-6">
      <legend className="mb-2 font-medium">{t('console.conflict.question')}</legend>
      <div className="space-y-3">
        {all.map((one) => (
          <div key={one.value} className="flex items-start gap-3">
            <input id={`${id}-${one.value}`} type="radio" name={id} checked={choice === one.value} onChange={() => choose(one.value)} aria-describedby={`${id}-${one.value}-text`} className="mt-1 size-4 shrink-0" />
            <div className="min-w-0">
              <label htmlFor={`${id}-${one.value}`} className="font-medium">{t(one.name)}</label>
              <p id={`${id}-${one.value}-text`} className="text-sm text-muted [overflow-wrap:anywhere]"><Rich k={one.text} parts={{ name: <bdi>{name}</bdi> }} /></p>
            </div>
          </div>
        ))}
      </div>
    </fieldset>
  )
}
