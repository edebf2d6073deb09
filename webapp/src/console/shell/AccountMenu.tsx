// "Hi there Ana!": the workspaces this browser is signed in to, and one's own settings.

import { Menu } from '@base-ui/react/menu'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { configRoles, type Session } from '../../shared/types'
import { api } from '../api'
import { errorText } from '../errors'
import { chooseLanguage, languages, useT, type Key } from '../i18n'
import { sessionQuery, useSession } from '../session'
import { chooseTheme, themes, useTheme, type Theme } from '../theme'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Icon } from '../ui/icons'
import { menuItem, menuLabel, menuPopup } from '../ui/menu'
import { Modal, ModalActions } from '../ui/modal'
import { activeSlug, chooseSlug } from '../workspace'

const themeKeys: Record<Theme, Key> = { system: 'console.theme.system', light: 'console.theme.light', dark: 'console.theme.dark' }
const languageNames = { en: 'English', de: 'Deutsch' }

export function AccountMenu() {
  const { t, language } = useT()
  const session = useSession()
  const theme = useTheme()
  const navigate = useNavigate()
  const greeting = t('console.account.greeting', { name: firstName(session.person.name) })
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className="flex min-h-11 w-full items-center gap-3 rounded-lg px-3 text-left font-medium hover:bg-hover data-popup-open:bg-hover">
        <span aria-hidden="true" className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft text-sm font-semibold text-accent">{[...session.person.name.trim()][0]?.toUpperCase()}</span>
        <span className="min-w-0 flex-1 truncate">{greeting}</span>
        <Icon name="up" className="size-4 text-muted" />
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner side="top" align="start" sideOffset={6} collisionPadding={8} className="z-30">
          <Menu.Popup className={`${menuPopup} w-66`}>
            <Workspaces session={session} />
            <Menu.Separator className="my-1.5 h-px bg-line" />
            <Item onClick={() => void navigate({ to: '/profile' })}>{t('console.account.profile')}</Item>
            <Menu.Separator className="my-1.5 h-px bg-line" />
            <Choice label={t('console.account.theme')} value={theme} values={themes} name={(value) => t(themeKeys[value])} choose={chooseTheme} />
            <Choice label={t('console.account.language')} value={language} values={languages} name={(value) => languageNames[value]} choose={(value) => void chooseLanguage(value)} />
            <Menu.Separator className="my-1.5 h-px bg-line" />
            <Item onClick={() => void navigate({ to: '/signin' })}>{t('console.account.another')}</Item>
            <SignOut />
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

export function firstName(name: string): string {
  return name.trim().split(/\s+/)[0] ?? ''
}

/** One group for each workspace; choosing another one makes this tab work there. */
function Workspaces({ session }: { session: Session }) {
  const { t } = useT()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [first, others] = [session.workspaces.filter((w) => w.id === session.workspace.id), session.workspaces.filter((w) => w.id !== session.workspace.id)]
  async function open(slug: string, configure: boolean) {
    if (slug !== activeSlug()) {
      chooseSlug(slug)
      queries.removeQueries({ queryKey: ['workspace'] })
      await queries.fetchQuery({ ...sessionQuery, staleTime: 0 })
    }
    await navigate({ to: configure ? '/settings/workspace' : '/members' })
  }
  return [...first, ...others].map((workspace, i) => {
    const configures = configRoles.includes(workspace.person.role)
    const here = workspace.id === session.workspace.id
    return (
      <Menu.Group key={workspace.id}>
        {i > 0 && <Menu.Separator className="my-1.5 h-px bg-line" />}
        <Menu.GroupLabel className={menuLabel}><span className="truncate">{workspace.name}</span></Menu.GroupLabel>
        {!here && <Item onClick={() => void open(workspace.slug, false)}>{t('console.account.switch')}</Item>}
        {configures && <Item onClick={() => void open(workspace.slug, true)}>{t('console.workspace.title')}</Item>}
        {here && !configures && <p className="px-3 pb-1.5 text-sm text-muted">{t('console.account.no_configuration')}</p>}
      </Menu.Group>
    )
  })
}

function Item({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return <Menu.Item onClick={onClick} className={menuItem}>{children}</Menu.Item>
}

function Choice<V extends string>({ label, value, values, name, choose }: { label: string; value: V; values: readonly V[]; name: (value: V) => string; choose: (value: V) => void }) {
  return (
    <Menu.Group>
      <Menu.GroupLabel className={menuLabel}>{label}</Menu.GroupLabel>
      <Menu.RadioGroup value={value} onValueChange={(next: V) => choose(next)}>
        {values.map((option) => (
          <Menu.RadioItem key={option} value={option} closeOnClick={false} className={menuItem}>
            <span className="flex-1">{name(option)}</span>
            <Menu.RadioItemIndicator><Icon name="check" className="size-4 text-accent" /></Menu.RadioItemIndicator>
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
    </Menu.Group>
  )
}

function SignOut() {
  const { t, language } = useT()
  const dialogs = useDialogs()
  async function signOut() {
    try {
      await api.signOut()
    } catch (error) {
      await dialogs.open<never>((close) => (
        <Modal title={t('console.account.signout_failed')} onCancel={() => close(null)}>
          <p className="mt-3">{errorText(t, language, error)}</p>
          <ModalActions><Button onClick={() => close(null)}>{t('common.close')}</Button></ModalActions>
        </Modal>
      ))
      return
    }
    chooseSlug(null)
    location.assign('/') // a fresh page: nothing of the session stays in memory
  }
  return <Item onClick={() => void signOut()}>{t('console.account.signout')}</Item>
}
