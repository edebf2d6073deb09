// The console's pages and their addresses. Pages are loaded when they are first
// gone to; what they need to know about the sign-in is asked here, once.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, notFound, Outlet, redirect } from '@tanstack/react-router'
import { readActivity } from './activity/search'
import { api } from './api'
import { readAuditor } from './auditor/search'
import { readSearch } from './directory/log/filters'
import { hasCode } from './errors'
import { readMembers } from './pages/members-search'
import { mayRead, queryClient, sessionQuery } from './session'
import { Root } from './shell/Root'
import { LonelyNotFoundPage, NotFoundPage, PageError } from './shell/ErrorPages'
import { lastSlug } from './workspace'

const setupQuery = { queryKey: ['setup'], queryFn: api.setup, staleTime: 60_000 }

/** Sends the first visitor of an empty service to its set-up. */
async function setUpFirst(): Promise<void> {
  const setup = await queryClient.fetchQuery(setupQuery)
  if (setup.needed) throw redirect({ to: '/setup' })
}

const root = createRootRoute({ component: Root, notFoundComponent: LonelyNotFoundPage, errorComponent: PageError })

const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  loader: async () => ({
    setup: await queryClient.fetchQuery(setupQuery),
    session: await queryClient.fetchQuery(sessionQuery),
  }),
  component: lazyRouteComponent(() => import('./pages/SetupPage'), 'SetupPage'),
})

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: async () => {
    if (await queryClient.fetchQuery(sessionQuery)) throw redirect({ to: '/members' })
    await setUpFirst()
    throw redirect({ to: '/signin' })
  },
})

const findWorkspace = createRoute({
  getParentRoute: () => root,
  path: '/signin',
  validateSearch: signInSearch,
  beforeLoad: setUpFirst,
  component: lazyRouteComponent(() => import('./pages/FindWorkspacePage'), 'FindWorkspacePage'),
})

/** Where to go after signing in: a path of this console and nothing else. */
/** What a sign-in page is opened with: where to go then, and how a sign-in at the identity provider ended. */
function signInSearch(search: Record<string, unknown>): { next?: string; entered?: string; sso_error?: string; signed_out?: string } {
  const text = (name: string) => (typeof search[name] === 'string' && /^[a-z_]{1,40}$/.test(search[name]) ? { [name]: search[name] } : {})
  return { ...nextPath(search), ...text('entered'), ...text('sso_error'), ...text('signed_out') }
}

function nextPath(search: Record<string, unknown>): { next?: string } {
  const { next } = search
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? { next } : {}
}

/** Null when the address names no workspace. */
async function publicWorkspace(slug: string): Promise<{ slug: string; name: string; sso?: { name: string } } | null> {
  try {
    return await api.workspace(slug)
  } catch (error) {
    if (hasCode(error, 'not_found')) return null
    throw error
  }
}

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/w/$slug',
  validateSearch: signInSearch,
  beforeLoad: setUpFirst,
  loader: ({ params }) => queryClient.fetchQuery({ queryKey: ['public-workspace', params.slug], queryFn: () => publicWorkspace(params.slug), staleTime: 60_000 }),
  component: lazyRouteComponent(() => import('./pages/SignInPage'), 'SignInPage'),
})

const setPassword = createRoute({
  getParentRoute: () => root,
  path: '/w/$slug/set-password',
  component: lazyRouteComponent(() => import('./pages/SetPasswordPage'), 'SetPasswordPage'),
})

const recover = createRoute({
  getParentRoute: () => root,
  path: '/w/$slug/recover',
  loader: () => queryClient.fetchQuery(sessionQuery),
  component: lazyRouteComponent(() => import('./pages/RecoverPage'), 'RecoverPage'),
})

const auditor = createRoute({
  getParentRoute: () => root,
  path: '/w/$slug/auditor',
  validateSearch: readAuditor,
  component: lazyRouteComponent(() => import('./auditor/AuditorPage'), 'AuditorPage'),
})

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  beforeLoad: async ({ location }) => {
    if (await queryClient.ensureQueryData(sessionQuery)) return
    await setUpFirst()
    const slug = lastSlug()
    if (!slug) throw redirect({ to: '/signin' })
    throw redirect({ to: '/w/$slug', params: { slug }, search: { next: location.pathname } })
  },
  component: lazyRouteComponent(() => import('./shell/Shell'), 'Shell'),
  notFoundComponent: NotFoundPage,
})

/** An address where nothing is: whoever is signed in keeps the navigation. */
const lost = createRoute({
  getParentRoute: () => root,
  id: 'lost',
  beforeLoad: async () => {
    if (!(await queryClient.ensureQueryData(sessionQuery))) throw notFound()
  },
  component: lazyRouteComponent(() => import('./shell/Shell'), 'Shell'),
})

const nowhere = createRoute({ getParentRoute: () => lost, path: '$', component: NotFoundPage })

/** Guests see nobody else: their own page is all there is. */
async function notForGuests(): Promise<void> {
  const session = await queryClient.ensureQueryData(sessionQuery)
  if (session && !mayRead(session)) throw redirect({ to: '/profile' })
}

const members = createRoute({
  getParentRoute: () => shell,
  path: '/members',
  beforeLoad: notForGuests,
  validateSearch: readMembers,
  component: lazyRouteComponent(() => import('./pages/MembersPage'), 'MembersPage'),
})

const member = createRoute({
  getParentRoute: () => shell,
  path: '/members/$id',
  component: lazyRouteComponent(() => import('./pages/MemberPage'), 'MemberPage'),
})

const teams = createRoute({
  getParentRoute: () => shell,
  path: '/teams',
  beforeLoad: notForGuests,
  validateSearch: (search: Record<string, unknown>): { q?: string; after?: string } => ({ ...text(search, 'q'), ...text(search, 'after') }),
  component: lazyRouteComponent(() => import('./pages/TeamsPage'), 'TeamsPage'),
})

const team = createRoute({
  getParentRoute: () => shell,
  path: '/teams/$team',
  validateSearch: (search: Record<string, unknown>): { after?: string } => text(search, 'after'),
  component: lazyRouteComponent(() => import('./directory/TeamPage'), 'TeamPage'),
})

const activity = createRoute({
  getParentRoute: () => shell,
  path: '/activity',
  validateSearch: readActivity,
  component: lazyRouteComponent(() => import('./pages/ActivityPage'), 'ActivityPage'),
})

const profile = createRoute({
  getParentRoute: () => shell,
  path: '/profile',
  component: lazyRouteComponent(() => import('./pages/ProfilePage'), 'ProfilePage'),
})

const recovery = createRoute({
  getParentRoute: () => shell,
  path: '/recovery',
  component: lazyRouteComponent(() => import('./pages/RecoveryPage'), 'RecoveryPage'),
})

const help = createRoute({
  getParentRoute: () => shell,
  path: '/recovery/help',
  component: lazyRouteComponent(() => import('./pages/HelpPage'), 'HelpPage'),
})

const notices = createRoute({
  getParentRoute: () => shell,
  path: '/notices',
  component: lazyRouteComponent(() => import('./pages/NoticesPage'), 'NoticesPage'),
})

const settings = createRoute({
  getParentRoute: () => shell,
  path: '/settings',
  beforeLoad: ({ location }) => {
    if (/^\/settings\/?$/.test(location.pathname)) throw redirect({ to: '/settings/workspace' })
  },
  component: Outlet,
})

const settingsPages = () => import('./pages/SettingsPage')

const workspace = createRoute({
  getParentRoute: () => settings,
  path: '/workspace',
  component: lazyRouteComponent(settingsPages, 'SettingsPage'),
})

const general = createRoute({
  getParentRoute: () => workspace,
  path: '/',
  component: lazyRouteComponent(settingsPages, 'GeneralTab'),
})

const idp = createRoute({
  getParentRoute: () => workspace,
  path: '/idp',
  component: lazyRouteComponent(() => import('./pages/IdpTab'), 'IdpTab'),
})

const security = createRoute({
  getParentRoute: () => workspace,
  path: '/security',
  component: lazyRouteComponent(() => import('./pages/SecurityTab'), 'SecurityTab'),
})

// Directory sync: pages of their own below the settings, each loaded when it is gone to.
const directory = createRoute({
  getParentRoute: () => settings,
  path: '/directory',
  beforeLoad: ({ location }) => {
    if (/^\/settings\/directory\/?$/.test(location.pathname)) throw redirect({ to: '/settings/directory/health' })
  },
  component: lazyRouteComponent(() => import('./directory/frame'), 'DirectoryFrame'),
})
const health = createRoute({
  getParentRoute: () => directory, path: '/health', validateSearch: (search: Record<string, unknown>): { scope?: string } => text(search, 'scope'),
  component: lazyRouteComponent(() => import('./directory/health/HealthPage'), 'HealthPage'),
})
const log = createRoute({
  getParentRoute: () => directory, path: '/log', validateSearch: readSearch,
  component: lazyRouteComponent(() => import('./directory/log/LogPage'), 'LogPage'),
})
const logCall = createRoute({ getParentRoute: () => log, path: '/$call', component: lazyRouteComponent(() => import('./directory/log/CallPanel'), 'CallPanel') })
const guide = createRoute({
  getParentRoute: () => directory, path: '/setup', validateSearch: (search: Record<string, unknown>): { idp?: string } => text(search, 'idp'),
  component: lazyRouteComponent(() => import('./directory/setup/SetupGuide'), 'SetupGuide'),
})
const mapping = createRoute({ getParentRoute: () => directory, path: '/mapping', component: lazyRouteComponent(() => import('./directory/rules/MappingPage'), 'MappingPage') })
const roleMapping = createRoute({ getParentRoute: () => directory, path: '/roles', component: lazyRouteComponent(() => import('./directory/rules/RolesPage'), 'RolesPage') })
const schemas = createRoute({ getParentRoute: () => directory, path: '/schemas', component: lazyRouteComponent(() => import('./directory/schemas/SchemasPage'), 'SchemasPage') })
const removals = createRoute({ getParentRoute: () => directory, path: '/removals', component: lazyRouteComponent(() => import('./directory/removals/RemovalsPage'), 'RemovalsPage') })
const removal = createRoute({ getParentRoute: () => directory, path: '/removals/$removal', component: lazyRouteComponent(() => import('./directory/removals/RemovalPage'), 'RemovalPage') })
const deleted = createRoute({ getParentRoute: () => directory, path: '/deleted', component: lazyRouteComponent(() => import('./directory/removals/DeletedPage'), 'DeletedPage') })
const offboardings = createRoute({
  getParentRoute: () => directory, path: '/offboarding', validateSearch: (search: Record<string, unknown>): { person?: string } => text(search, 'person'),
  component: lazyRouteComponent(() => import('./directory/removals/OffboardingPages'), 'OffboardingsPage'),
})
const offboarding = createRoute({ getParentRoute: () => directory, path: '/offboarding/$receipt', component: lazyRouteComponent(() => import('./directory/removals/OffboardingPages'), 'OffboardingPage') })
const missing = createRoute({
  getParentRoute: () => directory, path: '/missing', validateSearch: (search: Record<string, unknown>): { person?: string } => text(search, 'person'),
  component: lazyRouteComponent(() => import('./directory/MissingPage'), 'MissingPage'),
})
const ownership = createRoute({ getParentRoute: () => directory, path: '/ownership', component: lazyRouteComponent(() => import('./directory/OwnershipPage'), 'OwnershipPage') })
const directoryPages = directory.addChildren([health, log.addChildren([logCall]), guide, mapping, roleMapping, schemas, removals, removal, deleted, offboardings, offboarding, missing, ownership])

/** One word of an address, if it is there. */
function text<Name extends string>(search: Record<string, unknown>, name: Name): { [key in Name]?: string } {
  const value = search[name]
  return (typeof value === 'string' || typeof value === 'number') && value !== '' ? ({ [name]: String(value).slice(0, 200) } as { [key in Name]?: string }) : {}
}

const notifications = createRoute({
  getParentRoute: () => workspace,
  path: '/notifications',
  component: lazyRouteComponent(() => import('./notifications/NotificationsTab'), 'NotificationsTab'),
})

const developer = createRoute({
  getParentRoute: () => workspace,
  path: '/developer',
  component: lazyRouteComponent(() => import('./pages/DeveloperTab'), 'DeveloperTab'),
})

const routeTree = root.addChildren([
  setup, home, findWorkspace, signIn, setPassword, recover, auditor,
  shell.addChildren([members, member, teams, team, activity, profile, recovery, help, notices, settings.addChildren([directoryPages, workspace.addChildren([general, idp, security, notifications, developer])])]),
  lost.addChildren([nowhere]),
])

export const router = createRouter({
  routeTree,
  defaultPreload: 'intent',
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
  defaultErrorComponent: PageError,
})

// After a change of page the focus is on its heading; tabs of one page keep it.
router.subscribe('onRendered', ({ fromLocation, toLocation }) => {
  if (!fromLocation || pageOf(fromLocation.pathname) === pageOf(toLocation.pathname)) return
  const heading = document.querySelector<HTMLElement>('main h1')
  if (heading && !document.querySelector('dialog[open]')) heading.focus({ preventScroll: true })
})

function pageOf(path: string): string {
  if (path.startsWith('/settings/directory/')) return path.split('/').slice(0, 4).join('/')
  return path.startsWith('/settings') ? '/settings' : path
}

declare module '@tanstack/react-router' {
  interface Register { router: typeof router }
}
