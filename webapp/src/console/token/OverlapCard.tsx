// S7, step 4: two tokens are valid. Who uses which, how long that goes on, and the three ways to end it.

import { useEffect, useState } from 'react'
import type { Directory, Overlap } from '../../shared/types'
import { api } from '../api'
import { useT } from '../i18n'
import { noteServerTime, serverTime } from '../server-clock'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Card, Rich, Time, useNow } from '../ui/parts'
import { SelectField } from '../ui/field'
import { useTokenAction } from './actions'
import { advice, overlaps, span } from './life'

export function OverlapCard({ directory, overlap }: { directory: Directory; overlap: Overlap }) {
  const { t } = useT()
  useEffect(() => noteServerTime(overlap.server_time), [overlap.server_time])
  return (
    <Card className="p-6 max-cards:p-5">
      <h3 className="font-semibold">{t('console.overlap.title')}</h3>
      <p className="mt-1 text-muted">
        <Rich k="console.overlap.until" values={{ old: overlap.old_hint, fresh: overlap.new_hint }} parts={{ time: <Time at={overlap.valid_until} />, left: <Left until={overlap.valid_until} /> }} />
      </p>
      <Said directory={directory} overlap={overlap} />
      {directory.can.regenerate && <Ends overlap={overlap} />}
    </Card>
  )
}

/** The time that is left, by the service's clock. */
function Left({ until }: { until: string }) {
  const { t } = useT()
  const now = useNow(1000)
  const left = Math.max(0, Math.floor((Date.parse(until) - serverTime(now.getTime())) / 1000))
  const [h, m, s] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60]
  return <span role="timer" data-testid="overlap-left" className="font-mono tabular-nums text-ink">{t('console.overlap.left', { h, m: String(m).padStart(2, '0'), s: String(s).padStart(2, '0') })}</span>
}

function Said({ directory, overlap }: { directory: Directory; overlap: Overlap }) {
  const { t, language } = useT()
  const now = useNow(30_000)
  const said = advice(overlap, overlap.client || directory.idp.name || t('console.idp.your_idp'), serverTime(now.getTime()), language)
  const unused = span(overlap.unused_seconds)
  return (
    <div role="status">
      <Notice tone={said.tone} className="mt-4">
        <Rich k={said.key} values={{ ...said.values, span: t(unused.key, { count: unused.count }) }} />
      </Notice>
    </div>
  )
}

function Ends({ overlap }: { overlap: Overlap }) {
  const { t } = useT()
  const act = useTokenAction()
  const dialogs = useDialogs()
  const end = () => void act('scim.token.end_overlap', overlap.old_id, undefined, 'console.confirm.after_end_overlap', (id) => api.endOverlap(overlap.old_id, id))
  const cancel = () => void act('scim.token.cancel_regeneration', overlap.new_id, undefined, 'console.confirm.after_cancel_regeneration', (id) => api.cancelRegeneration(overlap.new_id, id))
  const extend = async () => {
    const seconds = await dialogs.open<number>((close) => <ExtendDialog close={close} />)
    if (seconds === null) return
    await act('scim.token.extend_overlap', overlap.old_id, { overlap_seconds: seconds }, 'console.confirm.after_extend_overlap', (id) => api.extendOverlap(overlap.old_id, seconds, id))
  }
  return (
    <div className="mt-5 flex flex-wrap gap-3 max-cards:flex-col max-cards:items-stretch">
      <Button look={overlap.advice === 'safe' ? 'primary' : 'secondary'} onClick={end}>{t('console.overlap.end')}</Button>
      <Button onClick={() => void extend()}>{t('console.overlap.extend')}</Button>
      {overlap.cancellable && <Button onClick={cancel}>{t('console.overlap.cancel')}</Button>}
    </div>
  )
}

function ExtendDialog({ close }: { close: (seconds: number | null) => void }) {
  const { t } = useT()
  const longer = overlaps.filter(({ seconds }) => seconds >= 24 * 3600)
  const [seconds, setSeconds] = useState(longer[0]!.seconds)
  return (
    <Modal title={t('console.overlap.extend_title')} onCancel={() => close(null)}>
      <p className="mt-2 text-muted">{t('console.overlap.extend_text')}</p>
      <div className="mt-5">
        <SelectField label={t('console.regen.overlap')} value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
          {longer.map((o) => <option key={o.seconds} value={o.seconds}>{t(o.word)}</option>)}
        </SelectField>
      </div>
      <ModalActions>
        <Button look="primary" onClick={() => close(seconds)}>{t('console.overlap.extend')}</Button>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
      </ModalActions>
    </Modal>
  )
}
