// After the set-up: what comes next, until the first sync has been seen or the list is put away.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import type { Directory } from '../../shared/types'
import { api } from '../api'
import { useT } from '../i18n'
import { keyOf, useSession } from '../session'
import { Button, textLink } from '../ui/button'
import { Icon } from '../ui/icons'
import { Card } from '../ui/parts'
import { firstSteps, showFirstSteps } from '../workspace'

export function FirstSteps({ directory }: { directory: Directory }) {
  const session = useSession()
  const [shown, setShown] = useState(() => firstSteps(session.workspace.slug))
  if (!shown) return null
  const put = () => {
    showFirstSteps(null)
    setShown(false)
  }
  return <List directory={directory} put={put} />
}

function List({ directory, put }: { directory: Directory; put: () => void }) {
  const { t } = useT()
  const session = useSession()
  const token = directory.token?.id ?? ''
  const details = useQuery({ queryKey: keyOf(session, 'token', token), queryFn: () => api.token(token), enabled: token !== '', refetchInterval: 15_000 })
  const called = Boolean(directory.status.last_request_at)
  const synced = called && !['waiting', 'initial', 'not_set_up'].includes(directory.status.state)
  const viewed = (details.data?.views_total ?? 0) > 0
  return (
    <Card className="p-6 max-cards:p-5">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <h3 className="font-semibold">{t('console.first.title')} <span className="ms-1 font-normal text-muted tabular-nums">{t('console.first.done', { n: [viewed, called, synced].filter(Boolean).length })}</span></h3>
        <Button look="quiet" className="-my-2 -me-3" onClick={put}>{t('console.first.put_away')}</Button>
      </div>
      <ol className="mt-3 space-y-2.5">
        <Item done={viewed}>{t('console.first.view')}</Item>
        <Item done={called}><Link to="/settings/directory/setup" className={textLink}>{t('console.dir.set_up')}</Link></Item>
        <Item done={synced}><Link to="/settings/directory/health" className={textLink}>{t('console.first.watch')}</Link></Item>
      </ol>
    </Card>
  )
}

function Item({ done, children }: { done: boolean; children: ReactNode }) {
  const { t } = useT()
  return (
    <li className="flex items-center gap-3">
      <span className={`grid size-6 shrink-0 place-items-center rounded-full border ${done ? 'border-transparent bg-good-soft text-good' : 'border-edge'}`}>{done && <Icon name="check" className="size-4" />}</span>
      <span className={done ? 'text-muted' : ''}>{children}{done && <span className="sr-only"> ({t('console.guide.done')})</span>}</span>
    </li>
  )
}
