// Activity: what was done in the workspace, by whom, and whether it is sealed. One page of 50 events is in the document, however many there
// are; the filters, the page and the open event are in the address.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { activityApi } from '../activity/api'
import { EventDialog } from '../activity/EventDialog'
import { EventList, Filters } from '../activity/EventList'
import { Exports } from '../activity/Exports'
import { KeepDialog } from '../activity/KeepDialog'
import { Saved } from '../activity/Saved'
import { changeActivity, readActivity, type ActivitySearch } from '../activity/search'
import type { ActivityPage as EventPage } from '../activity/types'
import { AuditorLinks } from '../auditor/Links'
import { useT } from '../i18n'
import { keyOf, mayConfigure, useSession } from '../session'
import { ForbiddenPage } from '../shell/ErrorPages'
import { useTitle } from '../shell/title'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Card, LoadError, PageHead, Skeleton } from '../ui/parts'

export function ActivityPage() {
  return mayConfigure(useSession()) ? <Activity /> : <ForbiddenPage text="console.activity.forbidden" />
}

/** How soon the newest page is asked for again: at once where an event waits for its seal, else now and then. */
const againMs = { waiting: 1_500, quiet: 20_000 }

function Activity() {
  const { t } = useT()
  const session = useSession()
  const navigate = useNavigate()
  const search = readActivity(useSearch({ strict: false }) as Record<string, unknown>)
  useTitle(t('console.nav.activity'))
  const { event: open, ...chosen } = search
  const events = useQuery({
    queryKey: keyOf(session, 'activity', JSON.stringify(chosen)),
    queryFn: ({ signal }) => activityApi.list(chosen, signal),
    refetchInterval: ({ state }) => (search.after ? false : state.data?.items.some((one) => !one.sealed) ? againMs.waiting : againMs.quiet),
    placeholderData: keepPreviousData,
  })
  const go = (next: ActivitySearch, replace = true) => void navigate({ to: '/activity', search: next, replace, resetScroll: !replace })
  return (
    <>
      <PageHead title={t('console.nav.activity')}>
        <div className="flex flex-wrap gap-3">
          <Button busy={events.isRefetching} onClick={() => void events.refetch()}>{t('console.activity.refresh')}</Button>
          <AuditorLinks />
          <Exports search={chosen} />
        </div>
      </PageHead>
      <Filters search={search} change={(part) => go(changeActivity(search, part))} />
      <div className="mt-3"><Saved search={chosen} apply={go} /></div>
      <Card className="mt-5 overflow-hidden">
        {events.isPending && <Skeleton lines={8} className="p-6" />}
        {events.isError && !events.data && <LoadError error={events.error} retry={() => void events.refetch()} />}
        {events.data && <EventList page={events.data} search={search} busy={events.isPlaceholderData} go={go} />}
      </Card>
      {events.data && <Kept page={events.data} />}
      {open && <EventDialog id={open} search={search} close={() => go(chosen)} go={(next) => go(changeActivity(search, next), false)} />}
    </>
  )
}

/** What sealing is, and how long events are kept. */
function Kept({ page }: { page: EventPage }) {
  const { t, language } = useT()
  const dialogs = useDialogs()
  return (
    <p className="mt-4 flex flex-wrap items-baseline gap-x-3 gap-y-1 text-sm text-muted">
      <span>{t('console.activity.about')}</span>
      <span>{t('console.activity.kept', { n: new Intl.NumberFormat(language).format(page.kept_days) })}</span>
      {page.can.keep && <button type="button" className="min-h-6 rounded-sm font-medium text-accent underline decoration-accent/40 underline-offset-3 hover:decoration-accent" onClick={() => void dialogs.open((close) => <KeepDialog days={page.kept_days} close={close} />)}>{t('console.activity.keep_change')}</button>}
    </p>
  )
}
