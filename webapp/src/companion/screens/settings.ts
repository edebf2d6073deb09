// M9 and M10, as small as they can be: what was answered here, who this phone answers for, and leaving.
import type { App } from '../app'
import { remove } from '../device'
import { button, h, icon } from '../dom'
import { clock, t, type Key } from '../i18n'
import { heading, type Screen } from '../shell'
import { answers, type Account } from '../store'
import { checkUpdate } from '../worker'
import { answerList } from './home'

declare const APP_VERSION: string

export function settings(app: App): Screen {
  const body = h('div', { class: 'page' },
    heading(t('settings.title')),
    ...app.accounts.map((a) => accountCard(app, a)),
    h('section', {}, h('h2', {}, t('settings.notifications')),
      h('p', {}, app.push ? t(`home.push.${app.push}` as Key) : t('home.looking')),
      canChange(app) ? button(t(app.push === 'ask' ? 'notify.on' : 'home.how'), () => app.go('notify')) : ''),
    h('section', {}, h('h2', {}, t('settings.app')),
      h('p', {}, t('settings.version', { version: APP_VERSION })),
      button(t('settings.update'), () => void checkUpdate().then(() => app.shell.say(t('settings.updated'))))),
    h('p', { class: 'links' }, button(t('home.add'), () => app.go('pair'), { kind: 'quiet' })),
  )
  if (app.push === undefined) void app.findPush()
  return { title: t('settings.title'), body, back: () => app.go('') }
}

const canChange = (app: App) => app.push === 'ask' || app.push === 'denied' || app.push === 'broken' || app.push === 'install_first'

function accountCard(app: App, a: Account): HTMLElement {
  const box = h('section', { class: 'panel' })
  const draw = () => box.replaceChildren(
    h('h2', {}, h('bdi', {}, a.workspace.name)),
    h('dl', { class: 'facts' },
      row(t('request.who'), a.person.name), row(t('pair.name'), a.name), row(t('settings.paired'), clock(a.pairedAt)),
      a.state === 'active' ? '' : row(t('settings.state'), t(`settings.state.${a.state}` as Key))),
    button(t('settings.remove'), () => sure(app, a, box, draw), { kind: 'danger', more: a.workspace.name }))
  draw()
  return box
}

const row = (term: string, value: string) => h('div', { class: 'row' }, h('dt', {}, term), h('dd', {}, h('bdi', {}, value)))

/** sure asks once before the keys are gone. */
function sure(app: App, a: Account, box: HTMLElement, back: () => void): void {
  const failed = h('div', { class: 'problem', role: 'alert' })
  const go = async () => {
    try {
      await remove(a)
      await app.forget(a)
    } catch {
      failed.replaceChildren(h('p', {}, icon('offline'), t('settings.remove_failed')))
    }
  }
  const title = h('h2', { tabindex: '-1' }, t('settings.remove_sure'))
  box.replaceChildren(title, h('p', {}, t('settings.remove_means', { workspace: a.workspace.name })), failed,
    h('div', { class: 'actions' }, button(t('settings.remove'), () => void go(), { kind: 'danger' }), button(t('cancel'), back, { kind: 'quiet' })))
  title.focus()
}

export function history(app: App): Screen {
  const shown = h('div', {})
  void answers().then((list) => shown.replaceChildren(list.length > 0 ? answerList(list) : h('p', {}, t('history.none'))))
  const body = h('div', { class: 'page' }, heading(t('history.title')), h('p', { class: 'hint' }, t('history.means')), shown)
  return { title: t('history.title'), body, back: () => app.go('') }
}
