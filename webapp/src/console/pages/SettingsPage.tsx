// "Workspace Configuration": the heading, the tabs with their own addresses, and the General tab.

import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, type KeyboardEvent } from 'react'
import { roleKey } from '../errors'
import { useT, type Key } from '../i18n'
import { mayConfigure, useSession } from '../session'
import { ForbiddenPage } from '../shell/ErrorPages'
import { useTitle } from '../shell/title'
import { CopyField } from '../ui/copy'
import { Card, PageHead } from '../ui/parts'

export function SettingsPage() {
  return mayConfigure(useSession()) ? <Configuration /> : <ForbiddenPage />
}

function Configuration() {
  const { t } = useT()
  const path = useLocation().pathname.replace(/\/$/, '')
  const selected = Math.max(0, tabs.findIndex((tab) => tab.to === path))
  useTitle(t('console.workspace.title'))
  return (
    <>
      <PageHead title={t('console.workspace.title')} />
      <Tabs selected={selected} />
      <div role="tabpanel" id="tab-panel" aria-labelledby={tabs[selected]?.id} className="pt-8">
        <Outlet />
      </div>
    </>
  )
}

const tabs = [
  { id: 'tab-general', to: '/settings/workspace', key: 'console.tab.general' },
  { id: 'tab-idp', to: '/settings/workspace/idp', key: 'console.tab.idp' },
  { id: 'tab-security', to: '/settings/workspace/security', key: 'console.tab.security' },
  { id: 'tab-notifications', to: '/settings/workspace/notifications', key: 'console.tab.notifications' },
  { id: 'tab-developer', to: '/settings/workspace/developer', key: 'console.tab.developer' },
] as const satisfies { id: string; to: string; key: Key }[]

/** Links that are tabs: the arrow keys move and select, Tab leaves. */
function Tabs({ selected }: { selected: number }) {
  const { t } = useT()
  const navigate = useNavigate()
  const list = useRef<HTMLDivElement>(null)
  // Where the list scrolls sideways, the selected tab is in view.
  useEffect(() => { list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ inline: 'center', block: 'nearest' }) }, [selected]) // newer browsers give a promise back
  function move(event: KeyboardEvent) {
    const steps: Record<string, number> = { ArrowRight: selected + 1, ArrowLeft: selected - 1 + tabs.length, Home: 0, End: tabs.length - 1 }
    const step = steps[event.key]
    const next = step === undefined ? undefined : tabs[step % tabs.length]
    if (!next) return
    event.preventDefault()
    list.current?.querySelector<HTMLElement>(`#${next.id}`)?.focus()
    void navigate({ to: next.to })
  }
  return (
    <div className="overflow-x-auto border-b border-line">
      <div ref={list} role="tablist" aria-label={t('console.workspace.title')} onKeyDown={move} className="flex gap-1">
        {tabs.map((tab, i) => (
          <Link
            key={tab.id} id={tab.id} to={tab.to} role="tab" aria-selected={i === selected} aria-controls="tab-panel" tabIndex={i === selected ? 0 : -1}
            activeOptions={{ exact: true }} preload="render" resetScroll={false}
            className="-mb-px flex min-h-11 items-center border-b-2 border-transparent px-4 font-medium whitespace-nowrap text-muted -outline-offset-2 hover:text-ink aria-selected:border-accent aria-selected:text-accent"
          >
            {t(tab.key)}
          </Link>
        ))}
      </div>
    </div>
  )
}

export function GeneralTab() {
  const { t } = useT()
  const { workspace, person } = useSession()
  const address = `${location.origin}/w/${workspace.slug}`
  return (
    <Card className="p-6 max-cards:p-5">
      <dl className="grid gap-5 cards:grid-cols-2">
        <div>
          <dt className="text-sm text-muted">{t('console.general.name')}</dt>
          <dd className="mt-0.5 font-medium [overflow-wrap:anywhere]">{workspace.name}</dd>
        </div>
        <div>
          <dt className="text-sm text-muted">{t('console.general.role')}</dt>
          <dd className="mt-0.5 font-medium">{t(roleKey[person.role])}</dd>
        </div>
      </dl>
      <div className="mt-6 border-t border-line pt-6">
        <CopyField label={t('console.general.address')} value={address} />
        <p className="mt-2 text-sm text-muted">{t('console.general.address_hint')}</p>
      </div>
    </Card>
  )
}
