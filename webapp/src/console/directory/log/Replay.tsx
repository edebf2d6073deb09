// Replay: first a rehearsal that changes nothing and shows what would change, then, for those who may, the real thing.

import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { errorText } from '../../errors'
import { useT } from '../../i18n'
import { keyOf, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button, textLink } from '../../ui/button'
import { Modal, ModalActions } from '../../ui/modal'
import { Notice } from '../../ui/notice'
import { Skeleton } from '../../ui/parts'
import { directoryApi } from '../api'
import { Said } from '../frame'
import { Changes, ReasonBox } from '../parts'
import type { CallDetail, Replayed } from '../types'

export function ReplayDialog({ call, close }: { call: CallDetail; close: (done: true | null) => void }) {
  const { t } = useT()
  return (
    <Modal title={t('console.log.replay_title')} wide onCancel={() => close(null)}>
      <p className="mt-2 [overflow-wrap:anywhere]"><Said times={call.sentence_times}>{call.sentence}</Said></p>
      <Replay call={call} close={close} />
    </Modal>
  )
}

function Replay({ call, close }: { call: CallDetail; close: (done: true | null) => void }) {
  const { t, language } = useT()
  const session = useSession()
  const announce = useAnnounce()
  const dry = useQuery({ queryKey: keyOf(session, 'rehearsal', call.id), queryFn: () => directoryApi.replay(call.id, true), gcTime: 0, staleTime: Infinity, retry: false, refetchOnWindowFocus: false })
  const run = useMutation({
    mutationFn: () => directoryApi.replay(call.id, false),
    onSuccess: (done) => announce(t(done.status < 400 ? 'console.log.replay_done' : 'console.log.replay_refused'), done.status >= 400),
  })
  const shown = run.data ?? dry.data
  return (
    <>
      <div className="mt-5 space-y-4">
        {dry.isPending && <Skeleton lines={4} />}
        {dry.isError && <Notice tone="bad" alert>{errorText(t, language, dry.error)}</Notice>}
        {run.isError && <Notice tone="bad" alert>{errorText(t, language, run.error)}</Notice>}
        {shown && <Outcome replayed={shown} />}
      </div>
      <ModalActions>
        {!run.data && call.can.replay && dry.data && dry.data.status < 400 && <Button look="primary" busy={run.isPending} onClick={() => run.mutate()}>{t('console.log.replay_run')}</Button>}
        <Button onClick={() => close(run.data ? true : null)}>{t(run.data ? 'common.close' : 'common.cancel')}</Button>
      </ModalActions>
      {!call.can.replay && dry.data && !run.data && <p className="mt-3 text-sm text-muted">{t('console.log.replay_who')}</p>}
    </>
  )
}

export function Outcome({ replayed }: { replayed: Replayed }) {
  const { t } = useT()
  const good = replayed.status < 400
  const words = replayed.dry_run ? (good ? t('console.log.rehearsed_good') : t('console.log.rehearsed_bad')) : good ? t('console.log.replay_done') : t('console.log.replay_refused')
  return (
    <>
      <Notice tone={good ? (replayed.dry_run ? 'info' : 'good') : 'warn'}>
        {words} <span className="text-muted">{t('console.log.answered', { status: replayed.status })}</span>
        {replayed.call && <> <Link to="/settings/directory/log/$call" params={{ call: replayed.call }} search={{}} className={textLink}>{t('console.log.replay_row')}</Link></>}
      </Notice>
      {replayed.reason && <ReasonBox reason={replayed.reason} said={replayed.said} />}
      {good && (
        <section>
          <h3 className="mb-2 font-semibold">{t(replayed.dry_run ? 'console.log.would_change' : 'console.log.changes')}</h3>
          <Changes changes={replayed.changes} members={replayed.members} />
        </section>
      )}
    </>
  )
}
