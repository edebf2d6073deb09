// What the pages about directory sync share: the way back, the heading, and the way from one to another.

import { useQuery } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { Fragment, type ReactNode } from 'react'
import { utc, type Language } from '../../shared/format'
import { useT, type Key } from '../i18n'
import { keyOf, mayConfigure, useSession } from '../session'
import { ForbiddenPage } from '../shell/ErrorPages'
import { useTitle } from '../shell/title'
import { Icon } from '../ui/icons'
import { Notice } from '../ui/notice'
import { PageHead, Rich } from '../ui/parts'
import { directoryApi } from './api'
import { textLink } from '../ui/button'
import { spoken, timed } from './said'
import { useSaid } from './said-words'

/** Every page below is for those who may configure. */
export function DirectoryFrame() {
  return mayConfigure(useSession()) ? <Outlet /> : <ForbiddenPage />
}

const pages = [
  { to: '/settings/directory/health', key: 'console.dir.health' },
  { to: '/settings/directory/log', key: 'console.dir.log' },
  { to: '/settings/directory/setup', key: 'console.dir.setup' },
  { to: '/settings/directory/mapping', key: 'console.dir.mapping' },
  { to: '/settings/directory/roles', key: 'console.dir.roles_tab' },
  { to: '/settings/directory/schemas', key: 'console.dir.schemas' },
  { to: '/settings/directory/removals', key: 'console.dir.removals' },
  { to: '/settings/directory/deleted', key: 'console.dir.deleted' },
  { to: '/settings/directory/offboarding', key: 'console.dir.offboarding_tab' },
] as const satisfies { to: string; key: Key }[]

interface PageProps { title: Key; lead?: ReactNode; actions?: ReactNode; children: ReactNode }

export function DirectoryPage({ title, lead, actions, children }: PageProps) {
  const { t } = useT()
  useTitle(t(title))
  return (
    <>
      <p className="mb-3 text-sm">
        <Link to="/settings/workspace/idp" className="inline-flex min-h-6 items-center gap-1 rounded-sm font-medium text-accent hover:underline">
          <Icon name="up" className="size-4 -rotate-90" />{t('console.dir.back')}
        </Link>
      </p>
      <PageHead title={t(title)}>{actions}</PageHead>
      <nav ref={inView} aria-label={t('console.idp.sync')} className="mb-7 overflow-x-auto border-b border-line">
        <ul className="flex gap-1 cards:flex-wrap">
          {pages.map((page) => (
            <li key={page.to}>
              <Link
                to={page.to} activeOptions={{ includeSearch: false }}
                className="-mb-px flex min-h-11 items-center border-b-2 border-transparent px-2 text-sm font-medium whitespace-nowrap text-muted -outline-offset-2 hover:text-ink aria-[current=page]:border-accent aria-[current=page]:text-accent"
              >
                {t(page.key)}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {title !== 'console.owner.title' && <Frozen />}
      {lead && <p className="mb-6 max-w-3xl text-muted">{lead}</p>}
      {children}
    </>
  )
}

/** Where the list of pages scrolls sideways, the present one is in view. */
function inView(nav: HTMLElement | null): void {
  nav?.querySelector('[aria-current=page]')?.scrollIntoView({ inline: 'center', block: 'nearest' })
}

/** Says on each page that the workspace has no Owner who can act. */
function Frozen() {
  const { t } = useT()
  const session = useSession()
  const { data } = useQuery({ queryKey: keyOf(session, 'ownership'), queryFn: directoryApi.ownership, staleTime: 30_000 })
  if (!data?.frozen) return null
  return (
    <Notice tone="bad" className="mb-6">
      <p className="font-medium">{t('console.owner.frozen')}</p>
      <p className="mt-1"><Rich k="console.owner.frozen_go" parts={{ link: <Link to="/settings/directory/ownership" className={textLink}>{t('console.owner.title')}</Link> }} /></p>
    </Notice>
  )
}

/**
 * A sentence of the service, which says it in English: in the language of the page where its form is known. `times` are those it names in UTC; they
 * are shown by this computer's clock, as everywhere else.
 */
export function Said({ children, times = [] }: { children: string; times?: readonly string[] }) {
  const { language } = useT()
  const said = useSaid()?.(children) ?? null
  if (said === null) return <span lang={language === 'en' ? undefined : 'en'}><Timed text={children} times={times} language="en" /></span>
  return <Timed text={said} times={times} language={language} />
}

function Timed({ text, times, language }: { text: string; times: readonly string[]; language: Language }) {
  return timed(text, times, language).map((piece, i) =>
    typeof piece === 'string' ? <Fragment key={i}>{piece}</Fragment> : <time key={i} dateTime={piece.toISOString()} title={utc(piece)}>{spoken(piece, language)}</time>)
}
