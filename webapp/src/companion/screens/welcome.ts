// M1: what this is, and installing it. On iOS the Home Screen comes first: no key is made and nothing is asked before.
import type { App } from '../app'
import { button, h, icon } from '../dom'
import { t } from '../i18n'
import { canInstall, install, onInstallChange } from '../platform'
import { heading, type Screen } from '../shell'

export function welcome(app: App): Screen {
  return app.platform.ios && !app.platform.installed ? homeScreen(app) : start(app)
}

const goOn = (app: App) => app.go(app.invitation ? 'pair/name' : 'pair')

function start(app: App): Screen {
  const actions = h('div', { class: 'actions' })
  const installable = () => {
    const offer = canInstall() && !app.platform.installed
    const skip = app.platform.installed ? t('welcome.continue') : t('welcome.skip')
    actions.replaceChildren(
      offer ? button(t('welcome.install'), () => void install().then(installable), { kind: 'primary' }) : '',
      button(skip, () => goOn(app), { kind: offer ? 'secondary' : 'primary' }),
      app.platform.installed ? '' : h('p', { class: 'hint' }, t('welcome.skip_means')),
    )
  }
  installable()
  const leave = onInstallChange(installable)
  const body = h('div', { class: 'page centred' },
    h('div', { class: 'hero' }, icon('shield')),
    heading(t('welcome.title')),
    h('p', { class: 'lead' }, t('welcome.what')),
    app.invitation ? h('p', { class: 'note' }, icon('phone'), t('welcome.invited')) : '',
    actions,
  )
  return { title: t('welcome.title'), body, leave, back: app.accounts.length > 0 ? () => app.go('') : undefined }
}

function homeScreen(app: App): Screen {
  const step = (words: string, drawn: 'share' | 'plus' | 'shield') => h('li', {}, h('span', { class: 'drawn' }, icon(drawn)), h('span', {}, words))
  const body = h('div', { class: 'page' },
    h('div', { class: 'hero' }, icon('shield')),
    heading(t('ios.title')),
    h('p', { class: 'lead' }, t('ios.why')),
    h('ol', { class: 'steps' }, step(t('ios.share'), 'share'), step(t('ios.add'), 'plus'), step(t('ios.open'), 'shield')),
    app.invitation ? h('p', { class: 'note' }, icon('scan'), t('ios.again')) : '',
    h('div', { class: 'actions' },
      button(t('ios.anyway'), () => goOn(app), { kind: 'quiet' }),
      h('p', { class: 'hint' }, t('ios.anyway_means')),
    ),
  )
  return { title: t('ios.title'), body }
}
