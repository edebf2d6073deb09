// From where a token may be used: the addresses seen, and the list that observes first and refuses later.

import { useState, type FormEvent } from 'react'
import type { TokenDetails } from '../../shared/types'
import { api } from '../api'
import { useT, type Key } from '../i18n'
import { Button } from '../ui/button'
import { SelectField } from '../ui/field'
import { Notice } from '../ui/notice'
import { Cell, Row, Table } from '../ui/table'
import { Badge, Time } from '../ui/parts'
import { useTokenAction } from './actions'
import { networks } from './life'

const modes: { value: TokenDetails['addresses']['mode']; word: Key }[] = [
  { value: 'off', word: 'console.addresses.off' },
  { value: 'observe', word: 'console.addresses.observe' },
  { value: 'enforce', word: 'console.addresses.enforce' },
]

const heads: { key: Key }[] = [{ key: 'console.addresses.address' }, { key: 'console.addresses.client' }, { key: 'console.addresses.last' }, { key: 'console.addresses.listed' }]

export function AddressList({ details }: { details: TokenDetails }) {
  const { t } = useT()
  const on = details.addresses.mode !== 'off'
  return (
    <>
      {details.seen.length === 0 ? <p className="text-muted">{t('console.addresses.none_seen')}</p> : (
        <div className="overflow-hidden rounded-lg border border-line">
          <Table heads={on ? heads : heads.slice(0, 3)}>
            {details.seen.map((seen) => (
              <Row key={seen.ip}>
                <Cell label={t('console.addresses.address')}><code translate="no" className="font-mono [overflow-wrap:anywhere]">{seen.ip}</code></Cell>
                <Cell label={t('console.addresses.client')}>{seen.client || seen.user_agent || t('console.addresses.unknown')}</Cell>
                <Cell label={t('console.addresses.last')}><Time at={seen.last_at} /></Cell>
                {on && <Cell label={t('console.addresses.listed')}><Listed listed={seen.listed} enforced={details.addresses.mode === 'enforce'} /></Cell>}
              </Row>
            ))}
          </Table>
        </div>
      )}
      <Form key={JSON.stringify(details.addresses)} details={details} />
    </>
  )
}

function Listed({ listed, enforced }: { listed: boolean; enforced: boolean }) {
  const { t } = useT()
  if (listed) return <Badge tone="good" icon="tick">{t('console.addresses.on_list')}</Badge>
  return <Badge tone={enforced ? 'bad' : 'warn'} icon="warn">{t(enforced ? 'console.addresses.refused' : 'console.addresses.would_refuse')}</Badge>
}

function Form({ details }: { details: TokenDetails }) {
  const { t } = useT()
  const act = useTokenAction()
  const [mode, setMode] = useState(details.addresses.mode)
  const [text, setText] = useState(details.addresses.addresses.join('\n'))
  const list = networks(text)
  const { about: token } = details
  if (!details.can.change) return <p className="mt-4 text-sm text-muted">{t('console.addresses.read_only')}</p>
  const same = mode === details.addresses.mode && list.join() === details.addresses.addresses.join()
  const empty = mode === 'enforce' && list.length === 0
  function save(event: FormEvent) {
    event.preventDefault()
    if (same || empty) return
    const params = { mode, addresses: list }
    void act('scim.token.addresses', token.id, params, 'console.confirm.after_addresses', (id) => api.setTokenAddresses(token.id, mode, list, id))
  }
  return (
    <form onSubmit={save} className="mt-5 space-y-4">
      <SelectField label={t('console.addresses.mode')} hint={t('console.addresses.mode_hint')} value={mode} onChange={(event) => setMode(event.target.value as typeof mode)}>
        {modes.map(({ value, word }) => <option key={value} value={value}>{t(word)}</option>)}
      </SelectField>
      {mode !== 'off' && (
        <label className="block text-sm font-medium">
          {t('console.addresses.list')}
          <textarea value={text} rows={4} spellCheck={false} translate="no" onChange={(event) => setText(event.target.value)}
            className="mt-1.5 block w-full rounded-lg border border-edge bg-surface px-3 py-2 font-mono text-sm font-normal" />
        </label>
      )}
      {mode === 'enforce' && <Notice tone="warn">{t(empty ? 'console.addresses.empty' : 'console.addresses.enforce_warning')}</Notice>}
      <div className="flex flex-wrap gap-3">
        <Button type="submit" aria-disabled={same || empty || undefined}>{t('console.addresses.save')}</Button>
        {mode !== 'off' && details.seen.length > 0 && (
          <Button look="quiet" onClick={() => setText([...new Set([...list, ...details.seen.map(({ ip }) => ip)])].join('\n'))}>{t('console.addresses.add_seen')}</Button>
        )}
      </div>
    </form>
  )
}
