// "Hi there Ana!": the workspaces this browser is signed in to, and one's own settings.

import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Fragment } from 'react'
import { configRoles, type Session } from '../../shared/types'
import { api } from '../api'
import { errorText } from '../errors'
import { chooseLanguage, languages, useT, type Key } from '../i18n'
import { sessionQuery, useSession } from '../session'
import { chooseTheme, themes, useTheme, type Theme } from '../theme'
import { Button } from '../ui/button'
import { useDialogs } from '../ui/dialogs'
import { Icon } from '../ui/icons'
import { Menu, MenuChoice, MenuGroup, MenuItem, MenuLine } from '../ui/menu'
import { Modal, ModalActions } from '../ui/modal'
import { activeSlug, chooseSlug } from '../workspace'

const themeKeys: Record<Theme, Key> = { system: 'console.theme.system', light: 'console.theme.light', dark: 'console.theme.dark' }
const languageNames = { en: 'English', de: 'Deutsch' }

export function AccountMenu() {
  const { t, language } = useT()
  const session = useSession()
  const theme = useTheme()
  const navigate = useNavigate()
  return (
    <Menu button={<Greeting name={session.person.name} />} buttonClass="flex min-h-11 w-full items-center gap-3 rounded-lg px-3 text-left font-medium hover:bg-hover aria-expanded:bg-hover" width="w-66" align="start">
      <Workspaces session={session} />
      <MenuItem run={() => void navigate({ to: '/profile' })}>{t('console.account.profile')}</MenuItem>
      <MenuLine />
      <MenuGroup label={t('console.account.theme')}>
        {themes.map((option) => <MenuChoice key={option} chosen={option === theme} choose={() => chooseTheme(option)}>{t(themeKeys[option])}</MenuChoice>)}
      </MenuGroup>
      <MenuGroup label={t('console.account.language')}>
        {languages.map((option) => <MenuChoice key={option} chosen={option === language} choose={() => void chooseLanguage(option)}>{languageNames[option]}</MenuChoice>)}
      </MenuGroup>
      <MenuLine />
      <MenuItem run={() => void navigate({ to: '/signin' })}>{t('console.account.another')}</MenuItem>
      <SignOut />
      {session.sign_out_at && <SignOut at={session.sign_out_at} />}
    </Menu>
  )
}

function Greeting({ name }: { name: string }) {
  const { t } = useT()
  return (
    <>
      <span aria-hidden="true" className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft text-sm font-semibold text-accent">{[...name.trim()][0]?.toUpperCase()}</span>
      <span className="min-w-0 flex-1 truncate">{t('console.account.greeting', { name: firstName(name) })}</span>
      <Icon name="up" className="size-4 text-muted" />
    </>
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
  return [...first, ...others].map((workspace) => {
    const configures = configRoles.includes(workspace.person.role)
    const here = workspace.id === session.workspace.id
    if (here && !configures) return null
    return (
      <Fragment key={workspace.id}>
        <MenuGroup label={workspace.name}>
          {!here && <MenuItem run={() => void open(workspace.slug, false)}>{t('console.account.switch')}</MenuItem>}
          {configures && <MenuItem run={() => void open(workspace.slug, true)}>{t('console.workspace.title')}</MenuItem>}
        </MenuGroup>
        <MenuLine />
      </Fragment>
    )
  })
}

/** Out of this console, or also `at` the identity provider. */
function SignOut({ at }: { at?: string }) {
  const { t, language } = useT()
  const dialogs = useDialogs()
  async function signOut() {
    let to = '/'
    try {
      if (at) to = (await api.signOutSSO()).url
      else await api.signOut()
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
    location.assign(to) // a fresh page: nothing of the session stays in memory
  }
  return <MenuItem run={() => void signOut()}>{at ? t('console.account.signout_at', { name: at }) : t('console.account.signout')}</MenuItem>
}
