// What I was told: new phones, recoveries, refusals.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { PersonalNotice } from '../../shared/types'
import { api } from '../api'
import { Unlock } from '../confirm/Unlock'
import { useT } from '../i18n'
import { sentence } from '../recovery/notices'
import { keyOf, useSession } from '../session'
import { useTitle } from '../shell/title'
import { Button, ButtonLink } from '../ui/button'
import { Icon, type IconName } from '../ui/icons'
import type { NoticeTone } from '../ui/notice'
import { Badge, Card, Empty, LoadError, PageHead, Rich, Skeleton, Time } from '../ui/parts'

const looks: Record<NoticeTone, { icon: IconName; look: string }> = {
  info: { icon: 'info', look: 'text-muted' },
  good: { icon: 'tick', look: 'text-good' },
  warn: { icon: 'warn', look: 'text-warn' },
  bad: { icon: 'stop', look: 'text-bad' },
}

export function NoticesPage() {
  const { t } = useT()
  const session = useSession()
  const queries = useQueryClient()
  useTitle(t('console.notices.title'))
  const notices = useQuery({ queryKey: keyOf(session, 'notices'), queryFn: api.notices })
  const items = notices.data?.items ?? []
  const unseen = items.filter((notice) => !notice.seen_at)
  async function allSeen() {
    await Promise.allSettled(unseen.map((notice) => api.noticeSeen(notice.id)))
    await queries.invalidateQueries({ queryKey: keyOf(session, 'notices') })
  }
  return (
    <>
      <PageHead title={t('console.notices.title')}>
        {unseen.length > 0 && <Button onClick={() => void allSeen()}>{t('console.notices.all_seen')}</Button>}
      </PageHead>
      <Card className="overflow-hidden">
        {notices.isPending && <Skeleton lines={6} className="p-6" />}
        {notices.isError && !notices.data && <LoadError error={notices.error} retry={() => void notices.refetch()} />}
        {notices.data && items.length === 0 && <Empty icon="info" title={t('console.notices.none')}>{t('console.notices.none_text')}</Empty>}
        {items.length > 0 && <ul className="divide-y divide-line">{items.map((notice) => <Row key={notice.id} notice={notice} />)}</ul>}
      </Card>
    </>
  )
}

function Row({ notice }: { notice: PersonalNotice }) {
  const { t, language } = useT()
  const { key, tone, values, names } = sentence(notice, language)
  const { icon, look } = looks[tone]
  const parts = Object.fromEntries(Object.entries(names).map(([name, text]) => [name, <bdi className="font-medium">{text}</bdi>]))
  const me = useSession().person.id
  const asked = notice.kind === 'recovery.asked'
  return (
    <li className="flex items-start gap-4 p-5">
      <Icon name={icon} className={`mt-0.5 size-5 ${look}`} />
      <div className="min-w-0 flex-1">
        <p className="[overflow-wrap:anywhere]"><Rich k={key} values={values} parts={parts} /></p>
        <p className="mt-0.5 text-sm text-muted"><Time at={notice.created_at} /></p>
        {notice.kind === 'confirmation.locked' && <Unlock person={String(notice.params['person_id'] ?? '')} name={String(notice.params['person'] ?? '')} />}
        {notice.kind === 'ownership.offered' && <ButtonLink to="/profile" className="mt-3">{t('console.notices.open')}</ButtonLink>}
        {asked && <ButtonLink to={notice.params['approver_id'] === me ? '/recovery/help' : '/recovery'} className="mt-3">{t('console.notices.open')}</ButtonLink>}
      </div>
      {!notice.seen_at && <Badge tone="accent">{t('console.notices.new')}</Badge>}
    </li>
  )
}
