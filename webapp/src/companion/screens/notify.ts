// M3: what notifications are for, then the system's question, then what was decided and how to change it.
import type { App } from '../app'
import { button, h, icon } from '../dom'
import { t, type Key } from '../i18n'
import { heading, type Screen } from '../shell'
import { tryPush, turnOn, type PushState, type Trial } from '../worker'
import { busy } from './pair'

export function notify(app: App): Screen {
  const body = h('div', { class: 'page centred' })
  const show = (state: PushState) => body.replaceChildren(...content(app, state, show))
  show(app.push ?? 'ask')
  if (app.push === undefined) void app.findPush().then(show)
  return { title: t('notify.title'), body, back: () => app.go('') }
}

function content(app: App, state: PushState, show: (s: PushState) => void): HTMLElement[] {
  if (state === 'on') return [hero('good', 'check'), heading(t('notify.is_on')), h('p', { class: 'lead' }, t('notify.is_on_means')), tested(app), actions(leave(app, t('done'), 'primary'))]
  if (state === 'ask') {
    const on = button(t('notify.on'), () => void ask(app, on, show), { kind: 'primary', icon: 'bell' })
    return [hero('', 'bell'), heading(t('notify.title')), h('p', { class: 'lead' }, t('notify.why')), h('p', {}, t('notify.shows')), actions(on, leave(app, t('notify.later'), 'quiet'), h('p', { class: 'hint' }, t('notify.later_means')))]
  }
  const kind = state === 'offline' ? 'broken' : state
  const how: HTMLElement[] = [hero('warn', 'bell'), heading(t(`notify.${kind}` as Key)), h('p', { class: 'lead' }, t(`notify.${kind}_means` as Key))]
  if (state === 'denied') how.push(h('p', {}, t(app.platform.ios ? 'notify.undo_ios' : app.platform.android ? 'notify.undo_android' : 'notify.undo_desktop')))
  const again = kind === 'broken' || state === 'denied'
    ? button(t('retry'), () => void app.findPush().then((s) => { show(s); app.shell.focus() }), { kind: 'quiet' }) : ''
  return [...how, actions(leave(app, t('done'), 'primary'), again)]
}

/** tested has a test notification sent at once, and ticks when it has come; it can be asked for again. */
function tested(app: App): HTMLElement {
  const line = h('p', { role: 'status' })
  const again = button(t('notify.test'), () => void run(), { kind: 'quiet' })
  const say = (words: string, good = false) => {
    line.className = good ? 'delivered' : ''
    line.replaceChildren(good ? icon('check') : '', words)
  }
  const run = async () => {
    const account = app.active()[0]
    if (!account) return
    const free = busy(again)
    say(t('notify.testing'))
    const how = await tryPush(account)
    free()
    say(words(how), how === 'delivered')
  }
  void run()
  return h('div', { class: 'trial' }, line, again)
}

function words(how: Trial): string {
  if (typeof how === 'object') return t('notify.test_refused', { reason: how.refused })
  return t(`notify.test_${how}`)
}

const hero = (look: string, drawn: 'bell' | 'check') => h('div', { class: `hero ${look}` }, icon(drawn))
const actions = (...all: (HTMLElement | '')[]) => h('div', { class: 'actions' }, ...all.filter((a) => a !== ''))
const leave = (app: App, words: string, kind: 'primary' | 'quiet') => button(words, () => app.go('', true), { kind })

async function ask(app: App, on: HTMLButtonElement, show: (s: PushState) => void): Promise<void> {
  const free = busy(on)
  const state = await turnOn(app.accounts)
  free()
  app.push = state === 'offline' ? undefined : state
  show(state)
  app.shell.focus()
}
