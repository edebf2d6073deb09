// The shell: navigation on the left, who you are at its bottom, the page beside it.

import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { clock } from '../../shared/format'
import { api } from '../api'
import { useT, type Key } from '../i18n'
import { keyOf, mayConfigure, mayRead, SessionContext, useSession, useSessionQuery } from '../session'
import { sessionEnd } from '../session-end'
import { DialogHost } from '../ui/dialogs'
import { Icon, Mark, type IconName } from '../ui/icons'
import { Badge } from '../ui/parts'
import { AccountMenu } from './AccountMenu'
import { SessionWatch } from './SessionWatch'
import { useBrand } from './title'

export function Shell() {
  const { data: session } = useSessionQuery()
  const navigate = useNavigate()
  useEffect(() => { if (session === null) void navigate({ to: '/' }) }, [session, navigate])
  if (!session) return null
  return (
    <SessionContext value={session}>
      <DialogHost>
        <Frame key={session.workspace.id} />
      </DialogHost>
    </SessionContext>
  )
}

function Frame() {
  const { t } = useT()
  return (
    <div className="nav:grid nav:min-h-dvh nav:grid-cols-[16rem_minmax(0,1fr)]">
      <a href="#content" className="sr-only focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-20 focus:rounded-lg focus:bg-raised focus:px-4 focus:py-2 focus:shadow-pop">{t('console.skip')}</a>
      <Sidebar />
      <main id="content" tabIndex={-1} className="min-w-0">
        <OfflineBanner />
        <SessionWatch />
        <div className="mx-auto max-w-[75rem] px-10 py-9 max-nav:px-6 max-cards:px-4 max-cards:py-6"><Outlet /></div>
      </main>
    </div>
  )
}

/** Beside the page from 900 px on; below that a bar with "Menu". */
function Sidebar() {
  const { t } = useT()
  const { workspace } = useSession()
  const brand = useBrand()
  const [open, setOpen] = useState(false)
  const toggle = useRef<HTMLButtonElement>(null)
  const { pathname } = useLocation()
  useEffect(() => setOpen(false), [pathname])
  return (
    <div
      className="z-10 border-line bg-surface max-nav:sticky max-nav:top-0 max-nav:border-b nav:sticky nav:top-0 nav:flex nav:h-dvh nav:flex-col nav:border-r"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open || event.defaultPrevented) return
        setOpen(false)
        toggle.current?.focus()
      }}
    >
      <header className="flex items-center gap-3 px-5 py-4 nav:py-6 max-cards:px-4">
        <Mark className="size-9" />
        <div className="min-w-0 flex-1">
          <p className="truncate leading-tight font-semibold">{brand}</p>
          <p className="truncate text-sm text-muted" title={workspace.name}>{workspace.name}</p>
        </div>
        <button ref={toggle} type="button" aria-expanded={open} aria-controls="main-navigation" onClick={() => setOpen(!open)} className="flex min-h-11 items-center gap-2 rounded-lg border border-edge px-3.5 font-medium nav:hidden">
          <Icon name={open ? 'close' : 'menu'} />{t('console.menu')}
        </button>
      </header>
      <nav
        id="main-navigation" aria-label={t('console.nav.label')}
        className={`min-h-0 flex-1 flex-col max-nav:border-t max-nav:border-line nav:flex ${open ? 'flex max-nav:max-h-[calc(100dvh-4.5rem)] max-nav:overflow-y-auto' : 'max-nav:hidden'}`}
      >
        <Pages />
        <div className="px-3 pb-3"><Notices /></div>
        <div className="border-t border-line p-3"><AccountMenu /></div>
      </nav>
    </div>
  )
}

const pages: { to: '/members' | '/teams' | '/activity' | '/settings/workspace'; key: Key; icon: IconName; configuring?: true; reading?: true }[] = [
  { to: '/members', key: 'console.nav.members', icon: 'members', reading: true },
  { to: '/teams', key: 'console.nav.teams', icon: 'teams', reading: true },
  { to: '/activity', key: 'console.nav.activity', icon: 'clock', configuring: true },
  { to: '/settings/workspace', key: 'console.nav.settings', icon: 'settings', configuring: true },
]

function Pages() {
  const { t } = useT()
  const session = useSession()
  const allowed = pages.filter((page) => (!page.configuring || mayConfigure(session)) && (!page.reading || mayRead(session)))
  const inSettings = useLocation().pathname.startsWith('/settings/') // also on its pages that the link does not lead to
  return (
    <ul className="min-h-0 flex-1 space-y-1 overflow-y-auto p-3">
      {allowed.map((page) => (
        <li key={page.to}>
          <Link
            to={page.to}
            data-within={page.to === '/settings/workspace' && inSettings}
            className="flex min-h-11 items-center gap-3 rounded-lg px-3 font-medium transition-colors duration-100 hover:bg-hover aria-[current=page]:bg-accent-soft aria-[current=page]:text-accent data-[within=true]:bg-accent-soft data-[within=true]:text-accent"
          >
            <Icon name={page.icon} />{t(page.key)}
          </Link>
        </li>
      ))}
    </ul>
  )
}

/** How often the shell asks for new notices. */
const noticesEvery = 30_000

/** My notices, with how many are new. */
function Notices() {
  const { t } = useT()
  const session = useSession()
  const over = useSyncExternalStore(sessionEnd.subscribe, sessionEnd.happened)
  const { data } = useQuery({ queryKey: keyOf(session, 'notices'), queryFn: api.notices, refetchInterval: noticesEvery, enabled: !over })
  const unseen = data?.unseen ?? 0
  return (
    <Link to="/notices" className="flex min-h-11 items-center gap-3 rounded-lg px-3 font-medium transition-colors duration-100 hover:bg-hover aria-[current=page]:bg-accent-soft aria-[current=page]:text-accent">
      <Icon name="info" /><span className="min-w-0 flex-1">{t('console.notices.nav')}</span>
      {unseen > 0 && <Badge tone="accent">{t('console.notices.unseen', { count: unseen })}</Badge>}
    </Link>
  )
}

const onlineChanges = (listener: () => void) => {
  window.addEventListener('online', listener)
  window.addEventListener('offline', listener)
  return () => {
    window.removeEventListener('online', listener)
    window.removeEventListener('offline', listener)
  }
}

function OfflineBanner() {
  const { t, language } = useT()
  const online = useSyncExternalStore(onlineChanges, () => navigator.onLine)
  const since = useRef(new Date())
  if (online) since.current = new Date()
  return (
    <div role="status">
      {!online && (
        <p className="flex items-center gap-2 bg-warn-soft px-10 py-2.5 text-sm text-warn max-nav:px-6 max-cards:px-4">
          <Icon name="warn" className="size-4" />{t('console.offline', { time: clock(since.current, language) })}
        </p>
      )}
    </div>
  )
}
