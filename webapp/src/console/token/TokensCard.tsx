// The card "Tokens" of the Directory Sync section.

import { lazy, Suspense } from 'react'
import type { TokenInfo } from '../../shared/types'
import { useT, type Key } from '../i18n'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import type { IconName } from '../ui/icons'
import { Cell, Row, Table } from '../ui/table'
import { Badge, Card, Rich, Time, type BadgeTone } from '../ui/parts'

const TokenDrawer = lazy(async () => ({ default: (await import('./TokenDrawer')).TokenDrawer }))

const states: Record<string, { tone: BadgeTone; icon: IconName; word: Key }> = {
  active: { tone: 'good', icon: 'tick', word: 'console.tokens.active' },
  replaced: { tone: 'warn', icon: 'clock', word: 'console.tokens.replaced' },
  expired: { tone: 'plain', icon: 'clock', word: 'console.tokens.expired' },
  revoked: { tone: 'bad', icon: 'stop', word: 'console.tokens.revoked' },
}

const heads: { key: Key; hidden?: true }[] = [
  { key: 'console.tokens.token' }, { key: 'console.tokens.created' }, { key: 'console.tokens.last_used' }, { key: 'console.tokens.expires' },
  { key: 'console.tokens.state' }, { key: 'console.tokens.actions', hidden: true },
]

export function TokensCard({ tokens }: { tokens: TokenInfo[] }) {
  const { t } = useT()
  if (tokens.length === 0) return null
  return (
    <Card className="overflow-hidden">
      <h3 className="border-b border-line px-6 py-4 font-semibold max-cards:px-4">{t('console.tokens.title')}</h3>
      <Table heads={heads}>{tokens.map((token) => <TokenRow key={token.id} token={token} />)}</Table>
    </Card>
  )
}

export function TokenState({ token }: { token: TokenInfo }) {
  const { t } = useT()
  const state = states[token.state]
  return (
    <>
      <Badge tone={state?.tone ?? 'plain'} icon={state?.icon}>{state ? t(state.word) : token.state}</Badge>
      {token.state === 'replaced' && token.valid_until && <span className="mt-1 block text-muted"><Rich k="console.tokens.until" parts={{ time: <Time at={token.valid_until} /> }} /></span>}
      {token.state === 'revoked' && token.ended_by && <By name={token.ended_by} />}
    </>
  )
}

function TokenRow({ token }: { token: TokenInfo }) {
  const { t } = useT()
  const dialogs = useDialogs()
  const open = () => void dialogs.open<never>((close) => <Suspense fallback={null}><TokenDrawer id={token.id} hint={token.hint} close={() => close(null)} /></Suspense>)
  return (
    <Row>
      <Cell label={t('console.tokens.token')}><code translate="no" className="font-mono whitespace-nowrap">…{token.hint.replace(/^[….]+/, '')}</code></Cell>
      <Cell label={t('console.tokens.created')}><Time at={token.created_at} />{token.created_by && <By name={token.created_by} />}</Cell>
      <Cell label={t('console.tokens.last_used')}>{token.last_used_at ? <><Time at={token.last_used_at} />{token.last_used_by && <By name={token.last_used_by} />}</> : t('console.tokens.never')}</Cell>
      <Cell label={t('console.tokens.expires')}>{token.expires_at ? <Time at={token.expires_at} /> : t('console.tokens.never')}</Cell>
      <Cell label={t('console.tokens.state')}><TokenState token={token} /></Cell>
      <Cell><Button look="quiet" className="cards:-my-2.5 max-cards:-ml-3" aria-label={t('console.tokens.details_of', { hint: token.hint })} onClick={open}>{t('console.tokens.details')}</Button></Cell>
    </Row>
  )
}

export function By({ name }: { name: string }) {
  return <span className="block text-muted [overflow-wrap:anywhere]"><Rich k="console.tokens.by" parts={{ name: <bdi>{name}</bdi> }} /></span>
}
