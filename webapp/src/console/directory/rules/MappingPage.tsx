// Attribute mapping: which attributes of the directory feed which field, with a preview over everybody before anything is saved.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { ApiError } from '../../../shared/api'
import { useDecide } from '../../conflict/decide'
import { saveOver } from '../../conflict/save-over'
import { useConfirm } from '../../confirm/run'
import { errorText } from '../../errors'
import { useT, type Key, type T } from '../../i18n'
import { usePairing } from '../../pairing/open'
import { keyOf, mayManagePeople, useSession } from '../../session'
import { useAnnounce } from '../../ui/announce'
import { Button } from '../../ui/button'
import { Icon } from '../../ui/icons'
import { Notice } from '../../ui/notice'
import { Badge, Card, LoadError, Skeleton } from '../../ui/parts'
import { Cell, Row, Table } from '../../ui/table'
import { directoryApi } from '../api'
import { DirectoryPage, Said } from '../frame'
import type { Mapping, MappingField, MappingPreview } from '../types'
import { useFocusKept } from './focus'
import { changedFields, differing, lines, metFields, ownSources, sourcesOf, typedOf } from './order'

const words: Record<string, Key> = {
  name: 'console.map.name', email: 'console.map.email', title: 'console.map.title_field', department: 'console.map.department', employee_number: 'console.map.employee_number',
  organization: 'console.map.organization', phone: 'console.map.phone', locale: 'console.map.locale', timezone: 'console.map.timezone',
}
const locked = new Set(['name', 'email'])
const fieldName = (t: T, field: string) => (words[field] ? t(words[field]) : field)

export function MappingPage() {
  const { t } = useT()
  const session = useSession()
  const mapping = useQuery({ queryKey: keyOf(session, 'mapping'), queryFn: directoryApi.mapping })
  return (
    <DirectoryPage title="console.dir.mapping" lead={t('console.map.lead')}>
      {mapping.isPending && <Card className="p-6"><Skeleton lines={9} /></Card>}
      {mapping.isError && !mapping.data && <Card><LoadError error={mapping.error} retry={() => void mapping.refetch()} /></Card>}
      {mapping.data && <Fields mapping={mapping.data} />}
    </DirectoryPage>
  )
}

/** What the last person that the provider sent gives for each field: the example beside its rule. */
function useExample() {
  const session = useSession()
  return useQuery({
    queryKey: keyOf(session, 'mapping-example'),
    queryFn: async () => {
      const log = await directoryApi.log({ operation: 'user.create', result: 'ok', limit: '1' }, false)
      const call = log.items[0]
      return call ? ((await directoryApi.previewMapping({}, call.id)).sample ?? []) : []
    },
    enabled: mayManagePeople(session), retry: false, staleTime: 60_000,
  })
}

function Fields({ mapping }: { mapping: Mapping }) {
  const { t, language } = useT()
  const session = useSession()
  const queries = useQueryClient()
  const announce = useAnnounce()
  const manage = mayManagePeople(session)
  const example = useExample()
  const [base, setBase] = useState(mapping.fields)
  const [typed, setTyped] = useState(() => typedOf(base))
  // Somebody else's change is taken over where nothing else is typed here. Where it is, saving asks which of the two holds.
  if (differing(base, mapping.fields).length > 0 && (changedFields(base, typed).length === 0 || changedFields(mapping.fields, typed).length === 0)) begin(mapping.fields)
  function begin(fields: MappingField[]) {
    setBase(fields)
    setTyped(typedOf(fields))
  }
  const changed = changedFields(base, typed)
  const sources = ownSources(base, typed)
  const decide = useDecide()
  const preview = useMutation({ mutationFn: () => directoryApi.previewMapping(sources) })
  const again = useFocusKept(preview.data !== undefined)
  const confirm = useConfirm()
  const pair = usePairing()
  type Saved = { done: Mapping } | { met: MappingField[] }
  // People sign in by their address: where it comes from is confirmed on the phone.
  async function saveFrom(was: MappingField[], refused: (error: unknown) => { met: MappingField[] }): Promise<Saved | null> {
    const send = async (id?: string): Promise<Saved> => {
      try {
        return { done: await directoryApi.saveMapping(sources, sourcesOf(was), id) }
      } catch (error) {
        return refused(error)
      }
    }
    if (!changedFields(was, typed).includes('email')) return send()
    const outcome = await confirm({ action: 'directory.mapping', params: { email: sources['email'] ?? [] } }, 'console.map.after', ({ id }) => send(id))
    if (outcome?.kind === 'no_device') await pair()
    return outcome?.kind === 'done' ? outcome.value : null
  }
  const save = useMutation({
    mutationFn: () => saveOver<MappingField[], Mapping>({
      base, read: () => directoryApi.mapping().then(({ fields }) => fields), same: (a, b) => differing(a, b).length === 0, wanted: (fields) => changedFields(fields, typed).length === 0,
      meet: (fields, taken) => {
        queries.setQueryData(keyOf(session, 'mapping'), { fields })
        if (taken) setTyped(typedOf(fields))
        else setBase(fields)
        preview.reset()
      },
      decide: (theirs) => {
        const held = sourcesOf(theirs)
        return decide(t('console.dir.mapping'), changedFields(theirs, typed).map((field) => ({
          name: fieldName(t, field), mine: lines(typed[field] ?? '').join('\n') || (theirs.find((one) => one.field === field)?.default ?? []).join('\n'), theirs: (held[field] ?? []).join('\n'),
        })))
      },
      metBy: metFields, save: saveFrom,
    }),
    onSuccess: (saved) => {
      if (!saved) return
      preview.reset()
      announce(t('console.map.saved', { count: saved.changed ?? 0 }))
      queries.setQueryData(keyOf(session, 'mapping'), { fields: saved.fields })
      void queries.invalidateQueries({ queryKey: keyOf(session, 'mapping-example') })
    },
  })
  const change = (field: string, text: string) => { setTyped((now) => ({ ...now, [field]: text })); preview.reset(); save.reset() }
  const error = save.error ?? preview.error
  const bad = error instanceof ApiError && error.code === 'bad_mapping' ? /^(\w+): (.*)$/.exec(error.detail) : null
  return (
    <div className="space-y-6">
      <Card className="overflow-hidden">
        <Table heads={[{ key: 'console.map.field' }, { key: 'console.map.sources' }, { key: 'console.map.example' }]}>
          {base.map((field) => (
            <FieldRow
              key={field.field} field={field} text={typed[field.field] ?? ''} change={(text) => change(field.field, text)} readOnly={!manage}
              example={example.data?.find((one) => one.field === field.field)?.value ?? ''} error={bad?.[1] === field.field ? (bad[2] ?? null) : null} changed={changed.includes(field.field)}
            />
          ))}
        </Table>
      </Card>
      {error && !bad && <Notice tone="bad" alert>{errorText(t, language, error)}</Notice>}
      {preview.data && <Preview preview={preview.data} />}
      <div className="flex flex-wrap items-center gap-3">
        <Button ref={again} look={preview.data ? 'secondary' : 'primary'} busy={preview.isPending} aria-disabled={changed.length === 0} onClick={() => { if (changed.length > 0) preview.mutate() }}>{t('console.map.preview')}</Button>
        {manage && preview.data && <Button look="primary" busy={save.isPending} onClick={() => save.mutate()}>{t('common.save')}</Button>}
        {changed.length > 0 && <Button look="quiet" onClick={() => { setTyped(typedOf(base)); preview.reset(); save.reset() }}>{t('console.map.undo')}</Button>}
        <p className="text-sm text-muted">{changed.length === 0 ? t('console.map.unchanged') : preview.data ? '' : t('console.map.preview_first')}</p>
      </div>
      {!manage && <p className="text-sm text-muted">{t('console.dir.read_only')}</p>}
    </div>
  )
}

interface FieldRowProps { field: MappingField; text: string; change: (text: string) => void; example: string; error: string | null; changed: boolean; readOnly: boolean }

function FieldRow({ field, text, change, example, error, changed, readOnly }: FieldRowProps) {
  const { t } = useT()
  const id = useId()
  const name = fieldName(t, field.field)
  const isDefault = text.trim() === field.default.join('\n')
  return (
    <Row>
      <Cell className="cards:w-40">
        <label htmlFor={id} className="font-semibold">{name}</label>
        <span className="mt-1 flex flex-wrap gap-1.5">
          {locked.has(field.field) && <Badge tone="plain" icon="lock">{t('console.map.required')}</Badge>}
          {changed ? <Badge tone="warn">{t('console.map.edited')}</Badge> : field.own && <Badge tone="accent">{t('console.map.own')}</Badge>}
        </span>
      </Cell>
      <Cell>
        <textarea
          id={id} value={text} rows={Math.max(1, text.split('\n').length)} spellCheck={false} translate="no" readOnly={readOnly} placeholder={field.default.join('\n')}
          aria-invalid={error ? true : undefined} aria-describedby={error ? `${id}-error` : undefined} onChange={(event) => change(event.target.value)}
          className="field-sizing-content min-h-10 w-full resize-none rounded-lg border border-edge bg-surface px-3 py-2 font-mono text-sm [overflow-wrap:anywhere] read-only:border-line read-only:bg-sunken aria-invalid:border-bad"
        />
        {error && <p id={`${id}-error`} className="mt-1.5 flex items-start gap-1.5 text-sm text-bad"><Icon name="warn" className="mt-0.5 size-4" /><Said>{error}</Said></p>}
        {!isDefault && !readOnly && <Button look="quiet" className="-ml-3 text-sm" onClick={() => change(field.default.join('\n'))}>{t('console.map.default')}</Button>}
      </Cell>
      <Cell label={t('console.map.example')} className="cards:w-56 cards:max-w-56"><bdi className={`[overflow-wrap:anywhere] ${example ? '' : 'text-muted'}`}>{example || '—'}</bdi></Cell>
    </Row>
  )
}

function Preview({ preview }: { preview: MappingPreview }) {
  const { t, language } = useT()
  const n = (value: number) => new Intl.NumberFormat(language).format(value)
  const hidden = preview.changed - new Set(preview.changes.map((one) => one.person_id)).size
  return (
    <section aria-label={t('console.map.preview')}>
      <Notice tone={preview.changed > 0 ? 'warn' : 'info'}>{t('console.map.would_change', { count: preview.changed, n: n(preview.changed), people: n(preview.people) })}</Notice>
      {preview.changes.length > 0 && (
        <Card className="mt-4 overflow-hidden">
          <div role="region" aria-label={t('console.map.changes')} tabIndex={0} className="max-h-[28rem] overflow-y-auto -outline-offset-2">
          <Table heads={[{ key: 'console.map.person' }, { key: 'console.map.field' }, { key: 'console.log.before' }, { key: 'console.log.after' }]}>
            {preview.changes.map((one) => (
              <Row key={`${one.person_id} ${one.field}`}>
                <Cell><bdi className="font-medium [overflow-wrap:anywhere]">{one.person_name}</bdi></Cell>
                <Cell label={t('console.map.field')}>{fieldName(t, one.field)}</Cell>
                <Cell label={t('console.log.before')}><bdi className="text-muted [overflow-wrap:anywhere]">{one.from || t('console.log.nothing')}</bdi></Cell>
                <Cell label={t('console.log.after')}><bdi className="font-medium [overflow-wrap:anywhere]">{one.to || t('console.log.nothing')}</bdi></Cell>
              </Row>
            ))}
          </Table>
        </div>
        </Card>
      )}
      {hidden > 0 && <p className="mt-2 text-sm text-muted">{t('console.map.more', { count: hidden })}</p>}
    </section>
  )
}
