// M9 and M10: what was answered here, who this phone answers for, what the person likes, and leaving.
import type { App } from '../app'
import { call } from '../api'
import { remove } from '../device'
import { button, field, freshId, h, icon } from '../dom'
import { clock, language, load, t, type Key } from '../i18n'
import { canLock, lock, locked, unlock } from '../lock'
import { choose } from '../prefs'
import { heading, type Screen } from '../shell'
import { answers, changeAccount, type Account } from '../store'
import { chooseTheme, theme, type Theme } from '../theme'
import { checkUpdate } from '../worker'
import { answerList } from './home'
import { busy } from './pair'

declare const APP_VERSION: string

export function settings(app: App): Screen {
  const push = h('p', {}, app.push ? t(`home.push.${app.push}` as Key) : t('settings.looking'))
  const change = h('div', {}, notifications(app))
  const body = h('div', { class: 'page' },
    heading(t('settings.title')),
    ...app.accounts.map((a) => accountCard(app, a)),
    h('section', {}, h('h2', {}, t('settings.notifications')), push, change),
    unlockSection(app),
    h('section', {}, h('h2', {}, t('settings.look')), languages(app), themes()),
    h('section', {}, h('h2', {}, t('settings.app')), h('p', {}, t('settings.version', { version: APP_VERSION })), update(app)),
    h('p', { class: 'links' }, button(t('home.add'), () => app.go('pair'), { kind: 'quiet' })),
  )
  if (app.push === undefined) void app.findPush().then((found) => {
    push.textContent = t(found === 'offline' ? 'home.not_connected' : (`home.push.${found}` as Key))
    change.replaceChildren(notifications(app))
  })
  return { title: t('settings.title'), body, back: () => app.go('') }
}

/** notifications leads to what can be done about them: turn on, mend, or try out. */
function notifications(app: App): HTMLElement | string {
  if (app.push === 'on') return button(t('notify.test'), () => app.go('notify'))
  if (app.push === 'ask') return button(t('notify.on'), () => app.go('notify'))
  return app.push === 'denied' || app.push === 'broken' || app.push === 'install_first' ? button(t('home.how'), () => app.go('notify')) : ''
}

/** update restarts into the version that waits, or looks for one. */
function update(app: App): HTMLElement {
  const box = h('div', {})
  const draw = () => {
    const restart = app.shell.waiting
    if (restart) { box.replaceChildren(button(t('settings.update_ready'), restart)); return }
    const said = h('p', { class: 'hint', role: 'status' })
    const look = async () => {
      const free = busy(again)
      await checkUpdate()
      free()
      if (app.shell.waiting) draw()
      else said.textContent = t('settings.newest')
    }
    const again = button(t('settings.update'), () => void look())
    box.replaceChildren(again, said)
  }
  draw()
  return box
}

interface Option<V extends string> { value: V; words: string; lang?: string }

/** choices is a group of radio buttons that take effect at once. */
function choices<V extends string>(title: string, options: Option<V>[], chosen: V, change: (value: V) => void): HTMLElement {
  const group = freshId('choice')
  const one = (o: Option<V>) => h('label', {},
    h('input', { type: 'radio', name: group, value: o.value, checked: o.value === chosen, on: { change: () => change(o.value) } }), h('span', { lang: o.lang }, o.words))
  return h('fieldset', { class: 'choice' }, h('legend', {}, title), ...options.map(one))
}

function languages(app: App): HTMLElement {
  const change = (next: 'en' | 'de') => void (async () => {
    await choose('language', next).catch(() => undefined)
    await load([next])
    app.route()
  })()
  return choices(t('settings.language'), [{ value: 'en', words: 'English', lang: 'en' }, { value: 'de', words: 'Deutsch', lang: 'de' }], language(), change)
}

function themes(): HTMLElement {
  const options: Option<Theme>[] = [{ value: 'system', words: t('settings.theme.system') }, { value: 'light', words: t('settings.theme.light') }, { value: 'dark', words: t('settings.theme.dark') }]
  return choices(t('settings.theme'), options, theme(), chooseTheme)
}

/** unlockSection is there once it is known that this phone can be asked for its unlock. */
function unlockSection(app: App): HTMLElement {
  const section = h('section', { hidden: true })
  const problem = h('p', { class: 'hint', role: 'alert' })
  const box = h('input', { type: 'checkbox', on: { change: () => void turn() } })
  const turn = async () => {
    const want = box.checked
    box.disabled = true
    const done = await (want ? lock(app.accounts[0]?.person.name ?? 'Countersign') : unlock()).catch(() => false)
    box.disabled = false
    box.checked = done === want
    problem.textContent = done ? '' : t('settings.unlock_failed')
    box.focus()
  }
  section.append(h('h2', {}, t('settings.unlock')), h('label', { class: 'switch' }, box, h('span', {}, t('settings.unlock_on'))), h('p', { class: 'hint' }, t('settings.unlock_means')), problem)
  void Promise.all([canLock(), locked()]).then(([can, on]) => {
    box.checked = on
    section.hidden = !can && !on
  })
  return section
}

function accountCard(app: App, a: Account): HTMLElement {
  const box = h('section', { class: 'panel' })
  const draw = () => box.replaceChildren(
    h('h2', {}, h('bdi', {}, a.workspace.name)),
    h('dl', { class: 'facts' },
      row(t('request.who'), a.person.name), row(t('settings.name'), a.name), row(t('settings.paired'), clock(a.pairedAt)),
      a.state === 'active' ? '' : row(t('settings.state'), t(`settings.state.${a.state}` as Key))),
    a.state === 'active' ? button(t('settings.rename'), () => rename(app, a, box, draw), { more: a.workspace.name }) : '',
    button(t('settings.remove'), () => sure(app, a, box, draw), { kind: 'danger', more: a.workspace.name }))
  draw()
  return box
}

const row = (term: string, value: string) => h('div', { class: 'row' }, h('dt', {}, term), h('dd', {}, h('bdi', {}, value)))

/** rename gives this phone another name, here and on the computer. */
function rename(app: App, a: Account, box: HTMLElement, back: () => void): void {
  const name = field(t('settings.name'), t('pair.name_hint'), { value: a.name, maxlength: '64', enterkeyhint: 'done' })
  const save = button(t('settings.save'), () => void send(), { kind: 'primary' })
  const send = async () => {
    const chosen = name.input.value.trim()
    if (!chosen) { name.fail(t('pair.name_missing')); return }
    const free = busy(save)
    try {
      await call(a, 'PATCH', '/v1/device', { name: chosen })
      a.name = chosen
      await changeAccount(a.id, { name: chosen })
      back()
      app.shell.say(t('settings.renamed'))
    } catch {
      free()
      name.fail(t('settings.rename_failed'))
    }
  }
  const title = h('h2', { tabindex: '-1' }, t('settings.rename'))
  box.replaceChildren(h('form', { class: 'page', on: { submit: (e) => { e.preventDefault(); void send() } } }, title, name.root,
    h('div', { class: 'actions' }, save, button(t('cancel'), back, { kind: 'quiet' }))))
  name.input.focus()
}

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
  void answers().then((list) => shown.replaceChildren(list.length > 0 ? answerList(list, app.accounts) : h('p', {}, t('history.none'))))
  const body = h('div', { class: 'page' }, heading(t('history.title')), h('p', { class: 'hint' }, t('history.means')), shown)
  return { title: t('history.title'), body, back: () => app.go('') }
}
