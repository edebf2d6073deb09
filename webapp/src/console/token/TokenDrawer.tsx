// S8: everything about one token but the token.

import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import type { TokenDetails, TokenInfo, TokenView } from '../../shared/types'
import { api } from '../api'
import { useT, type Key } from '../i18n'
import { keyOf, useSession } from '../session'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Field, SelectField } from '../ui/field'
import { Modal, ModalActions } from '../ui/modal'
import { Cell, Row, Table } from '../ui/table'
import { LoadError, Rich, Skeleton, Time } from '../ui/parts'
import { AddressList } from './AddressList'
import { useTokenAction } from './actions'
import { allowedLifetimes, reasons } from './life'
import { useLongestLife } from './longest'
import { By, TokenState } from './TokensCard'

export function TokenDrawer({ id, hint, close }: { id: string; hint: string; close: () => void }) {
  const { t } = useT()
  const session = useSession()
  const details = useQuery({ queryKey: keyOf(session, 'token', id), queryFn: () => api.token(id), refetchInterval: 15_000 })
  const { data, error } = details
  return (
    <Modal title={t('console.drawer.title', { hint })} onCancel={close} side>
      {data ? <Details details={data} close={close} />
        : error ? <LoadError error={error} retry={() => void details.refetch()} />
          : <div className="mt-6"><Skeleton lines={12} /></div>}
      <ModalActions><Button onClick={close}>{t('common.close')}</Button></ModalActions>
    </Modal>
  )
}

function Details({ details, close }: { details: TokenDetails; close: () => void }) {
  const { t } = useT()
  const { about: token } = details
  return (
    <div className="mt-6 space-y-8">
      <Made token={token} change={details.can.change && token.state === 'active'} />
      <Part title={t('console.drawer.views')}><Views details={details} /></Part>
      <Part title={t('console.drawer.use')}><Use details={details} /></Part>
      <Part title={t('console.drawer.addresses')}><AddressList details={details} /></Part>
      {details.can.revoke && <Revoke token={token} close={close} />}
    </div>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-3 font-semibold">{title}</h3>
      {children}
    </section>
  )
}

function Fact({ name, children }: { name: Key; children: ReactNode }) {
  const { t } = useT()
  return (
    <div className="min-w-0">
      <dt className="text-sm text-muted">{t(name)}</dt>
      <dd className="mt-0.5 [overflow-wrap:anywhere]">{children}</dd>
    </div>
  )
}

function Made({ token, change }: { token: TokenInfo; change: boolean }) {
  const { t } = useT()
  const dialogs = useDialogs()
  const act = useTokenAction()
  const reason = reasons.find(({ value }) => value === token.reason)
  const expiry = async () => {
    const days = await dialogs.open<number>((done) => <ExpiryDialog close={done} />)
    if (days !== null) await act('scim.token.expiry', token.id, { days }, 'console.confirm.after_expiry', (id) => api.setTokenExpiry(token.id, days, id))
  }
  return (
    <dl className="grid gap-5 cards:grid-cols-2">
      <Fact name="console.tokens.state"><TokenState token={token} /></Fact>
      <Fact name="console.tokens.created"><Time at={token.created_at} />{token.created_by && <By name={token.created_by} />}</Fact>
      <Fact name="console.drawer.reason">{reason ? t(reason.word) : token.reason || t('console.drawer.no_reason')}{token.note && <span className="block text-muted">{token.note}</span>}</Fact>
      <Fact name="console.tokens.expires">
        {token.expires_at ? <Time at={token.expires_at} /> : t('console.tokens.never')}
        {change && <Button look="quiet" className="-ms-3 block" onClick={() => void expiry()}>{t('console.drawer.change_expiry')}</Button>}
      </Fact>
    </dl>
  )
}

function ExpiryDialog({ close }: { close: (days: number | null) => void }) {
  const { t } = useT()
  const most = useLongestLife()
  const [chosen, setDays] = useState(0)
  const days = chosen === 0 || (most > 0 && chosen > most) ? most : chosen
  return (
    <Modal title={t('console.drawer.expiry_title')} onCancel={() => close(null)}>
      <p className="mt-2 text-muted">{t('console.drawer.expiry_text')}</p>
      <div className="mt-5">
        <SelectField label={t('console.regen.expires')} hint={most > 0 ? t('console.regen.limited') : undefined} value={days} onChange={(event) => setDays(Number(event.target.value))}>
          {allowedLifetimes(most).map((l) => <option key={l.days} value={l.days}>{t(l.word)}</option>)}
        </SelectField>
      </div>
      <ModalActions>
        <Button look="primary" onClick={() => close(days)}>{t('common.save')}</Button>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
      </ModalActions>
    </Modal>
  )
}

const viewHeads: { key: Key }[] = [{ key: 'console.drawer.who' }, { key: 'console.drawer.when' }, { key: 'console.drawer.where' }, { key: 'console.drawer.copied' }]

const kinds: Record<TokenView['kind'], Key> = { viewed: 'console.drawer.viewed', regenerated: 'console.drawer.regenerated', printed: 'console.drawer.printed' }

function Views({ details }: { details: TokenDetails }) {
  const { t } = useT()
  if (details.views.length === 0) return <p className="text-muted">{t('console.drawer.never_viewed')}</p>
  return (
    <div className="overflow-hidden rounded-lg border border-line">
      <Table heads={viewHeads}>
        {details.views.map((view) => (
          <Row key={view.at + view.person}>
            <Cell label={t('console.drawer.who')}><bdi>{view.person}</bdi><span className="block text-muted">{t(kinds[view.kind])}</span></Cell>
            <Cell label={t('console.drawer.when')}><Time at={view.at} /></Cell>
            <Cell label={t('console.drawer.where')}><Where view={view} /></Cell>
            <Cell label={t('console.drawer.copied')}>
              {view.copied_at ? <><span className="tabular-nums">{t('console.drawer.copied_times', { count: view.copied })}</span><span className="block text-muted"><Time short at={view.copied_at} /></span></> : t('console.drawer.not_copied')}
            </Cell>
          </Row>
        ))}
      </Table>
    </div>
  )
}

function Where({ view }: { view: TokenView }) {
  const { t } = useT()
  const browser = view.browser && view.os ? t('console.drawer.browser_on', { browser: view.browser, os: view.os }) : (view.browser ?? '')
  return <>{browser && <span className="block">{browser}</span>}{view.ip && <code translate="no" className="font-mono text-muted">{view.ip}</code>}</>
}

function Use({ details }: { details: TokenDetails }) {
  const { t, language } = useT()
  const { use } = details
  if (use.days.length === 0) return <p className="text-muted">{t('console.drawer.never_used')}</p>
  const number = new Intl.NumberFormat(language)
  return (
    <>
      {use.last_at && <p className="mb-3"><Rich k="console.drawer.last_call" parts={{ client: <bdi>{use.client || t('console.idp.your_idp')}</bdi>, time: <Time at={use.last_at} /> }} /></p>}
      <div className="max-h-72 overflow-y-auto rounded-lg border border-line" tabIndex={0} role="region" aria-label={t('console.drawer.calls_per_day')}>
        <Table heads={[{ key: 'console.drawer.day' }, { key: 'console.drawer.calls' }, { key: 'console.drawer.rejected' }]}>
          {use.days.map(({ day, calls, rejected }) => (
            <Row key={day}>
              <Cell label={t('console.drawer.day')}><time dateTime={day}>{day}</time></Cell>
              <Cell label={t('console.drawer.calls')}><span className="tabular-nums">{number.format(calls)}</span></Cell>
              <Cell label={t('console.drawer.rejected')}><span className="tabular-nums">{number.format(rejected)}</span></Cell>
            </Row>
          ))}
        </Table>
      </div>
    </>
  )
}

function Revoke({ token, close }: { token: TokenInfo; close: () => void }) {
  const { t } = useT()
  const dialogs = useDialogs()
  const act = useTokenAction()
  const revoke = async () => {
    const reason = await dialogs.open<string>((done) => <RevokeDialog hint={token.hint} close={done} />)
    if (reason === null) return
    const params = reason ? { reason } : undefined
    if (await act('scim.token.revoke', token.id, params, 'console.confirm.after_revoke', (id) => api.revokeToken(token.id, reason, id))) close()
  }
  return (
    <section className="border-t border-line pt-6">
      <p className="mb-3 text-muted">{t('console.drawer.revoke_text')}</p>
      <Button look="danger" onClick={() => void revoke()}>{t('console.drawer.revoke')}</Button>
    </section>
  )
}

function RevokeDialog({ hint, close }: { hint: string; close: (reason: string | null) => void }) {
  const { t } = useT()
  const [reason, setReason] = useState('')
  return (
    <Modal title={t('console.drawer.revoke_title', { hint })} onCancel={() => close(null)}>
      <p className="mt-2 text-muted">{t('console.drawer.revoke_effect')}</p>
      <div className="mt-5"><Field label={t('console.regen.note')} hint={t('console.regen.note_hint')} value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} /></div>
      <ModalActions>
        <Button onClick={() => close(null)}>{t('common.cancel')}</Button>
        <Button look="danger" onClick={() => close(reason.trim())}>{t('console.drawer.revoke_submit')}</Button>
      </ModalActions>
    </Modal>
  )
}
