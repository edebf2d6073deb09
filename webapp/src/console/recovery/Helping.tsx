// Colleagues who lost their phone and ask the person signed in: call them, pick the words they read, confirm.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { RecoveryRequest } from '../../shared/types'
import { api } from '../api'
import { useConfirm } from '../confirm/run'
import { errorText, hasCode } from '../errors'
import { useT } from '../i18n'
import { keyOf, useSession } from '../session'
import { useAnnounce } from '../ui/announce'
import { Button } from '../ui/button'
import { Notice } from '../ui/notice'
import { Card, Empty, LoadError, Rich, Skeleton, Time } from '../ui/parts'

/** How often the page looks for new questions. */
const every = 10_000

export function Helping() {
  const { t } = useT()
  const session = useSession()
  const asked = useQuery({ queryKey: keyOf(session, 'asked'), queryFn: api.askedOfMe, refetchInterval: every })
  const [last, setLast] = useState<string | null>(null)
  const items = asked.data?.items ?? []
  return (
    <>
      <div role="status">{last && <Notice tone="info" className="mb-5">{last}</Notice>}</div>
      {asked.isPending && <Skeleton lines={6} />}
      {asked.isError && !asked.data && <LoadError error={asked.error} retry={() => void asked.refetch()} />}
      {asked.data && items.length === 0 && <Card><Empty icon="phone" title={t('console.help.none')} /></Card>}
      {items.map((request) => <Question key={request.id} request={request} done={setLast} />)}
    </>
  )
}

function Question({ request, done }: { request: RecoveryRequest; done: (what: string) => void }) {
  const { t } = useT()
  const name = <bdi className="font-semibold [overflow-wrap:anywhere]">{request.person.name}</bdi>
  const where = [request.browser && request.os ? t('console.help.browser', { browser: request.browser, os: request.os }) : request.browser || request.os, request.ip].filter(Boolean).join(' · ')
  return (
    <Card className="mb-5 p-6 max-cards:p-5">
      <h2 className="text-base"><Rich k="console.help.asks" parts={{ person: name }} /></h2>
      <dl className="mt-3 grid gap-x-6 gap-y-1 text-sm cards:grid-cols-[max-content_1fr]">
        <dt className="text-muted">{t('console.email')}</dt><dd className="[overflow-wrap:anywhere]">{request.email}</dd>
        <dt className="text-muted">{t('console.help.when')}</dt><dd><Time at={request.created_at} /></dd>
        <dt className="text-muted">{t('console.help.where')}</dt><dd className="[overflow-wrap:anywhere]">{where}</dd>
        {request.note && <><dt className="text-muted">{t('console.lost.note')}</dt><dd className="[overflow-wrap:anywhere]"><bdi>{request.note}</bdi></dd></>}
      </dl>
      <Answer request={request} done={done} />
    </Card>
  )
}

function useAnswer(request: RecoveryRequest, done: (what: string) => void) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const confirm = useConfirm()
  const announce = useAnnounce()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  const name = request.person.name
  async function run(work: () => Promise<string | null>) {
    if (busy) return
    setBusy(true)
    setFailure(null)
    try {
      const what = await work()
      if (what) {
        done(what)
        announce(what)
      }
    } catch (error) {
      if (hasCode(error, 'words_differ', 'request_ended')) done(errorText(t, language, error))
      else setFailure(errorText(t, language, error))
    }
    setBusy(false)
    await queries.invalidateQueries({ queryKey: keyOf(session) })
  }
  const approve = async () => {
    const outcome = await confirm({ action: 'recovery.approve', resource: `recovery:${request.id}` }, 'console.confirm.after_help', ({ id }) => api.approveRecovery(request.id, id))
    return outcome?.kind === 'done' ? t('console.help.approved', { name }) : null
  }
  return {
    busy, failure,
    compare: (words: string) => run(async () => {
      await api.compareWords(request.id, words)
      return approve()
    }),
    approve: () => run(approve),
    decline: () => run(async () => {
      await api.declineRecovery(request.id)
      return t('console.help.declined', { name })
    }),
  }
}

function Answer({ request, done }: { request: RecoveryRequest; done: (what: string) => void }) {
  const { t } = useT()
  const { busy, failure, compare, approve, decline } = useAnswer(request, done)
  const [picked, setPicked] = useState('')
  const group = useId()
  return (
    <>
      {request.compared
        ? <p className="mt-4"><Rich k="console.help.same" parts={{ words: <b translate="no" lang="en">{request.words}</b> }} /></p>
        : (
          <fieldset className="mt-5">
            <legend className="font-medium">{t('console.help.which')}</legend>
            <p className="mt-1 text-sm text-muted">{t('console.help.call')}</p>
            <div className="mt-3 space-y-2">
              {(request.choices ?? []).map((words) => (
                <label key={words} className="flex min-h-11 items-center gap-3 rounded-lg border border-edge px-4 py-2 has-checked:border-accent has-checked:bg-accent-soft">
                  <input type="radio" name={group} value={words} checked={picked === words} onChange={() => setPicked(words)} className="size-4.5" />
                  <span translate="no" lang="en" className="font-medium [overflow-wrap:anywhere]">{words}</span>
                </label>
              ))}
            </div>
          </fieldset>
        )}
      {failure && <Notice tone="bad" alert className="mt-4">{failure}</Notice>}
      <div className="mt-5 flex flex-wrap gap-3 max-cards:flex-col">
        {request.compared
          ? <Button look="primary" busy={busy} onClick={() => void approve()}>{t('console.help.approve')}</Button>
          : <Button look="primary" busy={busy} aria-disabled={!picked || undefined} onClick={() => { if (picked) void compare(picked) }}>{t('console.help.compare')}</Button>}
        <Button busy={busy} onClick={() => void decline()}>{t('console.help.decline')}</Button>
      </div>
    </>
  )
}
