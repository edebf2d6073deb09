// The last 24 hours in four numbers, each with its way into the log.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useT, type Key } from '../../i18n'
import { keyOf, useSession } from '../../session'
import { ButtonLink } from '../../ui/button'
import { Card, LoadError, Skeleton } from '../../ui/parts'
import { directoryApi } from '../api'
import type { LogSearch } from '../log/filters'
import type { SyncHealth } from '../types'
import { lastDay } from './estimate'

const parts: { key: Key; of: 'created' | 'updated' | 'off' | 'failed'; search: LogSearch }[] = [
  { key: 'console.health.created', of: 'created', search: { effect: 'created', last: '24h' } },
  { key: 'console.health.updated', of: 'updated', search: { effect: 'updated', last: '24h' } },
  { key: 'console.health.off', of: 'off', search: { effect: 'off', last: '24h' } },
  { key: 'console.health.failed', of: 'failed', search: { effect: 'refused', last: '24h' } },
]

export function LastDay() {
  const { t } = useT()
  const session = useSession()
  const health = useQuery({ queryKey: keyOf(session, 'health'), queryFn: directoryApi.health, refetchInterval: 15_000 })
  return (
    <Card>
      <div className="flex flex-wrap items-center justify-between gap-3 border-b border-line px-6 py-3 max-cards:px-4">
        <h3 className="font-semibold">{t('console.health.last_day')}</h3>
        <ButtonLink to="/settings/directory/health">{t('console.dir.health')}</ButtonLink>
      </div>
      {health.isPending && <Skeleton lines={2} className="p-6" />}
      {health.isError && !health.data && <LoadError error={health.error} retry={() => void health.refetch()} />}
      {health.data && <Numbers health={health.data} />}
    </Card>
  )
}

function Numbers({ health }: { health: SyncHealth }) {
  const { t, language } = useT()
  const sums = lastDay(health.minutes, Date.parse(health.server_time))
  return (
    <dl className="grid grid-cols-2 cards:grid-cols-4">
      {parts.map(({ key, of, search }) => (
        <div key={of} className="flex flex-col px-6 py-4 max-cards:px-4">
          <dt className="text-sm text-muted">{t(key)}</dt>
          <dd className={`text-2xl font-semibold tabular-nums ${of === 'failed' && sums.failed > 0 ? 'text-bad' : ''}`}>
            <Link to="/settings/directory/log" search={search} className="rounded-sm hover:underline">{new Intl.NumberFormat(language).format(sums[of])}</Link>
          </dd>
        </div>
      ))}
    </dl>
  )
}
