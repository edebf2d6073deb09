// What has to be said about the token above everything else, with the steps that mend it.

import type { ReactNode } from 'react'
import type { Directory, Refused } from '../../shared/types'
import { useT } from '../i18n'
import { serverTime } from '../server-clock'
import { Button } from '../ui/button'
import { Notice } from '../ui/notice'
import { Rich, Time, useNow } from '../ui/parts'
import { refusedKey, steps, trouble } from './life'

export function Troubles({ directory, regenerate }: { directory: Directory; regenerate: () => void }) {
  const { t } = useT()
  const now = useNow(30_000)
  const found = trouble(directory, serverTime(now.getTime()))
  if (!found) return null
  const client = found.kind === 'refused' ? (found.refused.client ?? '') : (directory.idp.name ?? '')
  const again = directory.can.regenerate && (found.kind === 'expired' || found.kind === 'expiring')
  return (
    <Notice tone={found.kind === 'expiring' ? 'warn' : 'bad'} className="mb-6">
      {found.kind === 'refused' ? <Refusals refused={found.refused} /> : (
        <p className="font-medium">
          <Rich k={sentences[found.kind]} values={{ hint: found.token.hint }} parts={{ time: found.token.expires_at ? <Time at={found.token.expires_at} /> : '' }} />
        </p>
      )}
      {!(found.kind === 'refused' && found.refused.address) && <Steps client={client} first={found.kind === 'expired' || found.kind === 'expiring' ? 'console.steps.regenerate' : 'console.steps.copy'} />}
      {again && <Button className="mt-3" onClick={regenerate}>{t('console.idp.regenerate')}</Button>}
    </Notice>
  )
}

const sentences = { expired: 'console.trouble.expired', expiring: 'console.trouble.expiring', exposed: 'console.trouble.exposed' } as const

function Refusals({ refused }: { refused: Refused }) {
  const { t } = useT()
  const parts: Record<string, ReactNode> = { client: <bdi>{refused.client || t('console.idp.your_idp')}</bdi>, person: <bdi>{refused.ended_by}</bdi>, time: refused.ended_at ? <Time at={refused.ended_at} /> : '' }
  return (
    <>
      <p className="font-medium"><Rich k={refusedKey(refused)} values={{ hint: refused.hint }} parts={parts} /></p>
      <p className="mt-1"><Rich k="console.trouble.refused_calls" values={{ count: refused.times }} parts={{ time: <Time at={refused.last_at} /> }} /></p>
    </>
  )
}

type First = 'console.steps.copy' | 'console.steps.copy_above' | 'console.steps.regenerate'

/** The way of a new token into the identity provider; `first` says where the token comes from. */
export function Steps({ client, first }: { client: string; first: First }) {
  const { t } = useT()
  return <ol className="mt-2 list-decimal space-y-1 ps-5">{[first, ...steps(client).slice(1)].map((key) => <li key={key}>{t(key)}</li>)}</ol>
}
