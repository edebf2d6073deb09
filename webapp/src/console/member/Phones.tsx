// The phones of somebody else: which there are, and whether they can be reached. Only their owner removes one.

import { useQuery } from '@tanstack/react-query'
import type { Person } from '../../shared/types'
import { api } from '../api'
import { useT } from '../i18n'
import { keyOf, useSession } from '../session'
import { Badge, Card, LoadError, Rich, Skeleton, Time } from '../ui/parts'

export function Phones({ person }: { person: Person }) {
  const { t } = useT()
  const session = useSession()
  const phones = useQuery({ queryKey: keyOf(session, 'devices-of', person.id), queryFn: () => api.devicesOf(person.id) })
  const items = phones.data?.items ?? []
  return (
    <section className="mt-10">
      <h2 className="mb-4 text-lg font-semibold">{t('console.member.phones')}</h2>
      <Card>
        {phones.isPending && <Skeleton lines={2} className="p-6" />}
        {phones.isError && !phones.data && <LoadError error={phones.error} retry={() => void phones.refetch()} />}
        {phones.data && items.length === 0 && <p className="p-6 text-muted max-cards:p-5">{t('console.devices.none')}</p>}
        {items.length > 0 && (
          <ul className="divide-y divide-line">
            {items.map((phone) => {
              const active = phone.state === 'active'
              return (
                <li key={phone.id} className="p-6 max-cards:p-5">
                  <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
                    <bdi className="font-semibold [overflow-wrap:anywhere]">{phone.name}</bdi>
                    <Badge tone={active ? 'good' : 'plain'} icon={active ? 'tick' : 'off'}>{t(active ? 'console.devices.active' : phone.state === 'removed' ? 'console.devices.removed' : 'console.devices.pending')}</Badge>
                  </p>
                  <p className="mt-1 text-sm text-muted">
                    {phone.created_at && <><Rich k="console.devices.added" parts={{ time: <Time at={phone.created_at} /> }} />{' · '}</>}
                    {phone.last_seen ? <Rich k="console.devices.seen" parts={{ time: <Time short at={phone.last_seen} /> }} /> : t('console.devices.never_seen')}
                  </p>
                </li>
              )
            })}
          </ul>
        )}
      </Card>
    </section>
  )
}
