// The workspace's own SCIM schemas: attributes of users and groups that no standard has.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ApiError } from '../../../shared/api'
import { useT, type Key } from '../../i18n'
import { keyOf, mayManagePeople, useSession } from '../../session'
import { useState } from 'react'
import { errorText } from '../../errors'
import { useAnnounce } from '../../ui/announce'
import { Button } from '../../ui/button'
import { useDialogs } from '../../ui/dialogs'
import { Modal, ModalActions } from '../../ui/modal'
import { Notice } from '../../ui/notice'
import { Badge, Card, Empty, LoadError, Rich, Skeleton, Time } from '../../ui/parts'
import { directoryApi } from '../api'
import { DirectoryPage } from '../frame'
import type { OwnSchema, SchemaAttribute } from '../types'
import { DefineDialog } from './DefineDialog'
import { kindNames, mostSchemas } from './draft'

export function SchemasPage() {
  const { t } = useT()
  const session = useSession()
  const dialogs = useDialogs()
  const announce = useAnnounce()
  const queries = useQueryClient()
  const manage = mayManagePeople(session)
  const schemas = useQuery({ queryKey: keyOf(session, 'schemas'), queryFn: directoryApi.schemas })
  const items = schemas.data?.items ?? []
  const full = items.length >= mostSchemas
  const refresh = () => queries.invalidateQueries({ queryKey: keyOf(session, 'schemas') })
  async function define() {
    const made = await dialogs.open<OwnSchema>((close) => <DefineDialog close={close} />)
    if (!made) return
    announce(t('console.schemas.defined', { name: made.name }))
    await refresh()
  }
  async function drop(schema: OwnSchema) {
    const done = await dialogs.open<{ cleared: number }>((close) => <DropDialog schema={schema} close={close} />)
    if (!done) return
    announce(t('console.schemas.dropped', { name: schema.name, count: done.cleared }))
    await refresh()
  }
  return (
    <DirectoryPage title="console.schemas.title" lead={t('console.schemas.lead')} actions={manage && <Button look="primary" aria-disabled={full || undefined} onClick={() => { if (!full) void define() }}>{t('console.schemas.define')}</Button>}>
      {full && <Notice tone="info" className="mb-6">{t('console.schemas.full', { count: mostSchemas })}</Notice>}
      {schemas.isPending && <Card className="p-6"><Skeleton lines={6} /></Card>}
      {schemas.isError && !schemas.data && <Card><LoadError error={schemas.error} retry={() => void schemas.refetch()} /></Card>}
      {schemas.data && items.length === 0 && <Card><Empty icon="empty" title={t('console.schemas.none')}>{t(manage ? 'console.schemas.none_text' : 'console.dir.read_only')}</Empty></Card>}
      <ul className="space-y-6">
        {items.map((schema) => <li key={schema.id}><SchemaCard schema={schema} drop={manage ? () => void drop(schema) : undefined} /></li>)}
      </ul>
      {!manage && items.length > 0 && <p className="mt-4 text-sm text-muted">{t('console.dir.read_only')}</p>}
    </DirectoryPage>
  )
}

function SchemaCard({ schema, drop }: { schema: OwnSchema; drop?: () => void }) {
  const { t } = useT()
  return (
    <Card className="overflow-hidden">
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3 border-b border-line px-6 py-5 max-cards:px-5">
        <div className="min-w-0 flex-1 basis-72">
          <h2 className="flex flex-wrap items-center gap-3 text-lg font-semibold [overflow-wrap:anywhere]"><bdi>{schema.name}</bdi><Badge tone="accent">{t(kindNames[schema.resource_type])}</Badge></h2>
          <p className="mt-1"><code translate="no" className="font-mono text-sm [overflow-wrap:anywhere]">{schema.urn}</code></p>
          {schema.description && <p className="mt-2 text-muted [overflow-wrap:anywhere]">{schema.description}</p>}
          <p className="mt-2 text-sm text-muted"><Rich k="console.schemas.made" parts={{ time: <Time at={schema.created_at} />, person: <bdi>{schema.created_by}</bdi> }} /></p>
        </div>
        {drop && <Button aria-label={t('console.schemas.drop_named', { name: schema.name })} onClick={drop}>{t('console.schemas.drop')}</Button>}
      </div>
      <ul className="divide-y divide-line px-6 max-cards:px-5">{schema.attributes.map((one) => <AttributeLine key={one.name} attribute={one} />)}</ul>
    </Card>
  )
}

const facts: { on: (one: SchemaAttribute) => boolean; word: Key }[] = [
  { on: (one) => one.multi_valued === true, word: 'console.schemas.several' },
  { on: (one) => one.case_exact === true, word: 'console.schemas.exact' },
]

function AttributeLine({ attribute }: { attribute: SchemaAttribute }) {
  const { t } = useT()
  const words = facts.filter(({ on }) => on(attribute)).map(({ word }) => t(word))
  const values = attribute.canonical_values ?? []
  return (
    <li className="py-3">
      <p className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <code translate="no" className="font-mono font-semibold [overflow-wrap:anywhere]">{attribute.name}</code>
        <code translate="no" className="font-mono text-sm text-muted">{attribute.type}</code>
        {words.length > 0 && <span className="text-sm text-muted">{words.join(' · ')}</span>}
      </p>
      {attribute.description && <p className="text-sm text-muted [overflow-wrap:anywhere]">{attribute.description}</p>}
      {values.length > 0 && <p className="text-sm text-muted [overflow-wrap:anywhere]">{t('console.schemas.values')}: <bdi>{values.join(', ')}</bdi></p>}
      {attribute.sub_attributes && attribute.sub_attributes.length > 0 && (
        <ul className="mt-1 border-l-2 border-line ps-4">{attribute.sub_attributes.map((one) => <AttributeLine key={one.name} attribute={one} />)}</ul>
      )}
    </li>
  )
}

function DropDialog({ schema, close }: { schema: OwnSchema; close: (done: { cleared: number } | null) => void }) {
  const { t, language } = useT()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  async function drop() {
    if (busy) return
    setBusy(true)
    setError(null)
    try {
      close(await directoryApi.dropSchema(schema.id))
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 404) return close({ cleared: 0 }) // somebody else was first
      setError(failure)
      setBusy(false)
    }
  }
  return (
    <Modal title={t('console.schemas.drop_title', { name: schema.name })} onCancel={() => close(null)}>
      <p className="mt-3 text-muted">{t(schema.resource_type === 'User' ? 'console.schemas.drop_users' : 'console.schemas.drop_teams')}</p>
      {error !== null && <Notice tone="bad" alert className="mt-4">{errorText(t, language, error)}</Notice>}
      <ModalActions>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        <Button look="danger" busy={busy} onClick={() => void drop()}>{t('console.schemas.drop_submit')}</Button>
      </ModalActions>
    </Modal>
  )
}
