// Defines a schema of the workspace's own: for users or teams, a URN, and attributes.

import { useState, type FormEvent } from 'react'
import { ApiError } from '../../../shared/api'
import { errorText } from '../../errors'
import { useT } from '../../i18n'
import { Button } from '../../ui/button'
import { Field, SelectField, toFirstMistake } from '../../ui/field'
import { Icon } from '../../ui/icons'
import { Modal, ModalActions } from '../../ui/modal'
import { Notice } from '../../ui/notice'
import { directoryApi } from '../api'
import { Said } from '../frame'
import type { OwnSchema, SchemaAttribute } from '../types'
import { asSchema, kindNames, mistake, mostAttributes, noAttribute, noSchema, types, urnOf, type AttributeDraft, type SchemaDraft } from './draft'

export function DefineDialog({ close }: { close: (made: OwnSchema | null) => void }) {
  const { t, language } = useT()
  const [draft, setDraft] = useState<SchemaDraft>(noSchema)
  const [checked, setChecked] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const change = (part: Partial<SchemaDraft>) => { setDraft((before) => ({ ...before, ...part })); setError(null) }
  const set = (at: number, part: Partial<AttributeDraft>) => change({ attributes: draft.attributes.map((one, i) => (i === at ? { ...one, ...part } : one)) })
  const urn = urnOf(draft)
  async function submit(event: FormEvent) {
    event.preventDefault()
    setChecked(true)
    const form = event.currentTarget
    if (!draft.name.trim() || !urn.trim() || draft.attributes.some((one) => mistake(one, draft.attributes) !== null)) return toFirstMistake(form)
    if (busy) return
    setBusy(true)
    setError(null)
    try {
      close(await directoryApi.defineSchema(asSchema(draft)))
    } catch (failure) {
      setError(failure)
      setBusy(false)
    }
  }
  const refused = error instanceof ApiError && error.code === 'bad_schema' ? error.detail : null
  return (
    <Modal title={t('console.schemas.define')} onCancel={() => close(null)} wide>
      <form onSubmit={(event) => void submit(event)} noValidate className="mt-5 space-y-5">
        {error !== null && <Notice tone="bad" alert>{refused ? <Said>{refused}</Said> : errorText(t, language, error)}</Notice>}
        <SelectField label={t('console.schemas.kind')} value={draft.kind} onChange={(event) => change({ kind: event.target.value as SchemaDraft['kind'] })}>
          {(['User', 'Group'] as const).map((kind) => <option key={kind} value={kind}>{t(kindNames[kind])}</option>)}
        </SelectField>
        <Field label={t('console.schemas.name')} maxLength={200} value={draft.name} error={checked && !draft.name.trim() ? t('console.required') : null} onChange={(event) => change({ name: event.target.value })} />
        <Field
          label="URN" hint={t('console.schemas.urn_hint')} className="font-mono" spellCheck={false} autoCapitalize="none" value={urn}
          error={checked && !urn.trim() ? t('console.required') : null} onChange={(event) => change({ urn: event.target.value })}
        />
        <Field label={t('console.schemas.description')} maxLength={500} value={draft.description} onChange={(event) => change({ description: event.target.value })} />
        <fieldset className="space-y-4">
          <legend className="mb-3 font-semibold">{t('console.schemas.attributes')}</legend>
          {draft.attributes.map((one, i) => (
            <AttributeFields
              key={i} one={one} number={i + 1} error={checked ? mistake(one, draft.attributes) : null} set={(part) => set(i, part)}
              remove={draft.attributes.length > 1 ? () => change({ attributes: draft.attributes.filter((_, at) => at !== i) }) : undefined}
            />
          ))}
          {draft.attributes.length < mostAttributes && <Button onClick={() => change({ attributes: [...draft.attributes, noAttribute] })}>{t('console.schemas.add')}</Button>}
        </fieldset>
        <p className="text-sm text-muted">{t('console.schemas.from_now')}</p>
        <ModalActions>
          <Button look="primary" type="submit" busy={busy}>{t('console.schemas.submit')}</Button>
          <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        </ModalActions>
      </form>
    </Modal>
  )
}

interface FieldsProps { one: AttributeDraft; number: number; error: ReturnType<typeof mistake>; set: (part: Partial<AttributeDraft>) => void; remove?: () => void }

function AttributeFields({ one, number, error, set, remove }: FieldsProps) {
  const { t } = useT()
  const ofParts = one.type === 'complex' && (error === 'console.schemas.no_parts' || error === 'console.schemas.bad_parts')
  return (
    <div role="group" aria-label={t('console.schemas.attribute', { number })} className="rounded-lg border border-line p-4">
      <div className="grid gap-4 cards:grid-cols-[minmax(0,1fr)_11rem_auto]">
        <Field label={t('console.schemas.attribute_name')} className="font-mono" spellCheck={false} autoCapitalize="none" maxLength={64} value={one.name} error={error && !ofParts ? t(error) : null} onChange={(event) => set({ name: event.target.value })} />
        <SelectField label={t('console.schemas.type')} value={one.type} onChange={(event) => set({ type: event.target.value as SchemaAttribute['type'] })}>
          {types.map((type) => <option key={type} value={type}>{type}</option>)}
        </SelectField>
        {remove && (
          <button type="button" aria-label={t('console.schemas.remove', { number })} onClick={remove} className="mt-7 grid size-10 place-items-center rounded-lg text-muted hover:bg-hover max-cards:mt-0 max-cards:size-11"><Icon name="close" className="size-4" /></button>
        )}
      </div>
      <div className="mt-3 flex flex-wrap gap-x-6 gap-y-2 text-sm">
        <label className="flex items-center gap-2.5"><input type="checkbox" className="size-4" checked={one.several} onChange={(event) => set({ several: event.target.checked })} />{t('console.schemas.several')}</label>
        {one.type === 'string' && <label className="flex items-center gap-2.5"><input type="checkbox" className="size-4" checked={one.exact} onChange={(event) => set({ exact: event.target.checked })} />{t('console.schemas.exact')}</label>}
      </div>
      {one.type === 'complex' && <Lines label={t('console.schemas.parts')} hint={t('console.schemas.parts_hint')} value={one.parts} error={ofParts && error ? t(error) : null} change={(parts) => set({ parts })} />}
      {one.type === 'string' && (
        <details className="mt-3">
          <summary className="w-fit rounded-sm text-sm font-medium text-accent">{t('console.schemas.more')}</summary>
          <div className="mt-3"><Field label={t('console.schemas.description')} maxLength={500} value={one.description} onChange={(event) => set({ description: event.target.value })} /></div>
          <Lines label={t('console.schemas.values')} hint={t('console.schemas.values_hint')} value={one.values} error={null} change={(values) => set({ values })} />
        </details>
      )}
    </div>
  )
}

function Lines({ label, hint, value, error, change }: { label: string; hint: string; value: string; error: string | null; change: (text: string) => void }) {
  return (
    <label className="mt-4 block text-sm font-medium">
      {label}
      <textarea
        value={value} rows={2} spellCheck={false} translate="no" aria-invalid={error ? true : undefined} onChange={(event) => change(event.target.value)}
        className="field-sizing-content mt-1.5 block min-h-16 w-full rounded-lg border border-edge bg-surface px-3 py-2 font-mono text-sm font-normal aria-invalid:border-bad"
      />
      <span className="mt-1.5 block font-normal text-muted">{hint}</span>
      {error && <span className="mt-1.5 flex items-start gap-1.5 font-normal text-bad"><Icon name="warn" className="mt-0.5 size-4" />{error}</span>}
    </label>
  )
}
