// Taking over a workspace whose Owner the directory took away (O1): two Super Admins, or one with a recovery code.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { hasCode, errorText } from '../errors'
import { useConfirm } from '../confirm/run'
import { useT } from '../i18n'
import { usePairing } from '../pairing/open'
import { keyOf, useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { Field } from '../ui/field'
import { Notice } from '../ui/notice'
import { Card, LoadError, Rich, Skeleton, Time } from '../ui/parts'
import { directoryApi } from './api'
import { DirectoryPage } from './frame'
import { PersonPicker } from './PersonPicker'
import type { Ownership } from './types'

export function OwnershipPage() {
  const session = useSession()
  const ownership = useQuery({ queryKey: keyOf(session, 'ownership'), queryFn: directoryApi.ownership, refetchInterval: 15_000 })
  return (
    <DirectoryPage title="console.owner.title">
      <Card className="p-6 max-cards:p-5">
        {ownership.isPending && <Skeleton lines={5} />}
        {ownership.isError && !ownership.data && <LoadError error={ownership.error} retry={() => void ownership.refetch()} />}
        {ownership.data && <State ownership={ownership.data} />}
      </Card>
    </DirectoryPage>
  )
}

function State({ ownership }: { ownership: Ownership }) {
  const { t } = useT()
  const session = useSession()
  const name = <bdi className="font-semibold">{ownership.owner?.name ?? ''}</bdi>
  if (!ownership.frozen)
    return <><h2 className="text-lg font-semibold">{t('console.owner.fine')}</h2><p className="mt-1 text-muted"><Rich k="console.owner.fine_text" parts={{ name }} /></p></>
  return (
    <>
      <h2 className="text-lg font-semibold">{t('console.owner.frozen')}</h2>
      <p className="mt-2"><Rich k="console.owner.frozen_text" parts={{ name, time: ownership.frozen_at ? <Time at={ownership.frozen_at} /> : '' }} /></p>
      {ownership.candidate && <Notice tone="info" className="mt-4"><Rich k="console.owner.proposed" parts={{ candidate: <bdi className="font-semibold">{ownership.candidate.name}</bdi>, name: <bdi>{ownership.proposed_by?.name ?? ''}</bdi>, time: ownership.proposed_at ? <Time at={ownership.proposed_at} /> : '' }} /></Notice>}
      {session.person.role === 'super_admin' ? <TakeOver ownership={ownership} /> : <p className="mt-4 text-muted">{t('console.owner.who')}</p>}
    </>
  )
}

function TakeOver({ ownership }: { ownership: Ownership }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const confirm = useConfirm()
  const pair = usePairing()
  const announce = useAnnounce()
  const mine = ownership.proposed_by?.id === session.person.id
  const [candidate, setCandidate] = useState<{ id: string; name: string } | null>(ownership.candidate ?? null)
  const [code, setCode] = useState('')
  const [error, setError] = useState<string | null>(null)
  async function run(recovery?: string) {
    if (!candidate) return
    setError(null)
    try {
      const outcome = await confirm<Ownership>({ action: 'ownership.takeover', resource: `person:${candidate.id}` }, 'console.owner.after', ({ id }) => directoryApi.takeOver(candidate.id, id, recovery))
      if (outcome?.kind === 'no_device') return void pair()
      if (outcome?.kind === 'done') announce(t(outcome.value.frozen ? 'console.owner.proposed_said' : 'console.owner.done_said'))
    } catch (failure) {
      setError(hasCode(failure, 'wrong_recovery_code') ? t('console.owner.wrong_code') : errorText(t, language, failure))
    }
    await Promise.all(['ownership', 'people'].map((name) => queries.invalidateQueries({ queryKey: keyOf(session, name) })))
  }
  return (
    <div className="mt-6 space-y-5 border-t border-line pt-5">
      <div className="max-w-md">
        {candidate
          ? <p className="flex flex-wrap items-center gap-3"><span><Rich k="console.owner.candidate" parts={{ name: <bdi className="font-semibold">{candidate.name}</bdi> }} /></span><Button look="quiet" onClick={() => setCandidate(null)}>{t('console.owner.another')}</Button></p>
          : <PersonPicker label={t('console.owner.choose')} role="super_admin" chosen={(id, name) => setCandidate({ id, name })} />}
        {!candidate && <Button look="quiet" className="mt-1 -ml-3" onClick={() => setCandidate({ id: session.person.id, name: session.person.name })}>{t('console.owner.me')}</Button>}
      </div>
      {error && <Notice tone="bad" alert>{error}</Notice>}
      {mine && ownership.candidate?.id === candidate?.id ? <p className="text-muted">{t('console.owner.wait')}</p>
        : <Button look="primary" aria-disabled={!candidate} onClick={() => void run()}>{t(ownership.candidate && ownership.candidate.id === candidate?.id ? 'console.owner.agree' : 'console.owner.propose')}</Button>}
      <details>
        <summary className="w-fit rounded-sm text-sm font-medium text-accent">{t('console.owner.with_code')}</summary>
        <div className="mt-3 max-w-md space-y-3">
          <Field label={t('console.owner.code')} hint={t('console.owner.code_hint')} value={code} autoComplete="off" onChange={(event) => setCode(event.target.value)} />
          <Button aria-disabled={!candidate || !code.trim()} onClick={() => { if (candidate && code.trim()) void run(code.trim()) }}>{t('console.owner.title')}</Button>
        </div>
      </details>
    </div>
  )
}
