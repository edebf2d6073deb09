// S7, step 1: why a token is regenerated, and what becomes of the old one. The phone comes after it.

import { useId, useState, type FormEvent } from 'react'
import type { Overlap } from '../../shared/types'
import { useT } from '../i18n'
import { Button } from '../ui/button'
import { Field, SelectField, toFirstMistake } from '../ui/field'
import { Modal, ModalActions } from '../ui/modal'
import { Notice } from '../ui/notice'
import { Rich, Time } from '../ui/parts'
import { allowedLifetimes, overlaps, reasons, type Renewal } from './life'
import { useLongestLife } from './longest'

interface Props {
  /** A regeneration whose old token lives on. */
  running?: Overlap | null
  /** There is an old token at all. */
  replaces: boolean
  exposed?: boolean
  close: (renewal: Renewal | null) => void
}

export function RegenerateDialog({ running, replaces, exposed = false, close }: Props) {
  const { t } = useT()
  const effect = useId()
  const [renewal, setRenewal] = useState<Renewal>({ reason: exposed ? 'Security' : '', note: '', overlap: overlaps[0]!.seconds, exposed, days: 0 })
  const [tried, setTried] = useState(false)
  const change = (part: Partial<Renewal>) => setRenewal((before) => ({ ...before, ...part }))
  const blocked = Boolean(running) && !renewal.exposed
  const missing = renewal.reason === ''
  const most = useLongestLife()
  const days = renewal.days === 0 || (most > 0 && renewal.days > most) ? most : renewal.days
  function submit(event: FormEvent) {
    event.preventDefault()
    setTried(true)
    if (missing) return toFirstMistake(event.currentTarget as HTMLFormElement)
    if (!blocked) close({ ...renewal, days })
  }
  return (
    <Modal title={t('console.regen.title')} onCancel={() => close(null)} describedBy={effect} wide>
      <p id={effect} className="mt-2 text-muted">{t(replaces ? 'console.regen.effect' : 'console.regen.effect_first')}</p>
      <form onSubmit={submit} className="mt-6 space-y-5" noValidate>
        {running && (
          <Notice tone="warn">
            <p className="font-medium">{t('console.regen.running')}</p>
            <p className="mt-1"><Rich k="console.regen.running_text" values={{ hint: running.old_hint }} parts={{ time: <Time at={running.valid_until} /> }} /></p>
          </Notice>
        )}
        <SelectField label={t('console.regen.reason')} value={renewal.reason} required error={tried && missing ? t('console.regen.reason_missing') : null}
          aria-invalid={tried && missing ? true : undefined} onChange={(event) => change({ reason: event.target.value })}>
          <option value="" disabled>{t('console.regen.reason_choose')}</option>
          {reasons.map(({ value, word }) => <option key={value} value={value}>{t(word)}</option>)}
        </SelectField>
        <Field label={t('console.regen.note')} hint={t('console.regen.note_hint')} value={renewal.note} maxLength={500} onChange={(event) => change({ note: event.target.value })} />
        {replaces && (
          <>
            <SelectField label={t('console.regen.overlap')} value={renewal.exposed ? 0 : renewal.overlap} disabled={renewal.exposed}
              onChange={(event) => change({ overlap: Number(event.target.value) })}>
              {overlaps.map(({ seconds, word }) => <option key={seconds} value={seconds}>{t(word)}</option>)}
            </SelectField>
            <label className="flex items-start gap-3">
              <input type="checkbox" checked={renewal.exposed} onChange={(event) => change({ exposed: event.target.checked })} className="mt-1 size-4" />
              <span><span className="font-medium">{t('console.regen.exposed')}</span><span className="block text-sm text-muted">{t('console.regen.exposed_text')}</span></span>
            </label>
            {!renewal.exposed && renewal.overlap === 0 && <Notice tone="warn">{t('console.regen.none_warning')}</Notice>}
          </>
        )}
        <SelectField label={t('console.regen.expires')} hint={most > 0 ? t('console.regen.limited') : undefined} value={days} onChange={(event) => change({ days: Number(event.target.value) })}>
          {allowedLifetimes(most).map((one) => <option key={one.days} value={one.days}>{t(one.word)}</option>)}
        </SelectField>
        <ModalActions>
          <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
          <Button type="submit" look="danger" aria-disabled={blocked || undefined}>{t('console.regen.submit')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}
