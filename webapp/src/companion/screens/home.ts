// M4: what waits, how things stand, and the last answers. It asks the server again and again through the watch.
import type { App } from '../app'
import { button, h, icon } from '../dom'
import { actionNamed } from '../facts'
import { ago, clock, t, type Key } from '../i18n'
import { toldSection } from '../notices'
import { pullToRefresh } from '../pull'
import { heading, type Screen } from '../shell'
import { answers, type Account, type Answer } from '../store'
import type { Snapshot, Waiting } from '../watch'

const recentShown = 5

export function home(app: App): Screen {
  const open = h('div', { class: 'open' })
  const state = h('p', { class: 'state', 'data-testid': 'live-state' })
  const notes = h('div', {})
  const recent = h('section', { 'aria-labelledby': 'recent', hidden: true })
  let drawn = ''
  const heard = (s: Snapshot) => {
    const key = JSON.stringify([s.requests.map((r) => r.cid), app.accounts.map((a) => a.id + a.state), app.push, s.online, s.checkedAt > 0, s.remembered])
    state.replaceChildren(...stateLine(app, s))
    if (key === drawn) return
    drawn = key
    open.replaceChildren(waiting(app, s))
    notes.replaceChildren(...notices(app))
    openByItself(app, s)
  }
  const findPush = (s: Snapshot) => { if (app.push === undefined && s.online && s.checkedAt > 0) void app.findPush().then(() => heard(app.watch.snapshot)) }
  const stopListening = app.watch.listen((s) => { heard(s); findPush(s) })
  void showRecent(recent, app)
  const body = h('div', { class: 'page home' },
    heading(t('home.title')), open,
    h('div', { class: 'standing' }, state, button(t('home.check'), () => void app.watch.check(), { kind: 'quiet' })),
    notes, recent, toldSection(app), // what comes last from the network pushes nothing down
    h('p', { class: 'links' }, link(t('history.title'), () => app.go('history')), link(t('home.add'), () => app.go('pair'))),
  )
  const stopPulling = pullToRefresh(body, () => {
    app.shell.say(t('home.looking'))
    app.push = undefined
    void app.watch.check()
  })
  const leave = () => { stopListening(); stopPulling() }
  // After this screen is in its place, because a single request opens itself.
  queueMicrotask(() => { heard(app.watch.snapshot); findPush(app.watch.snapshot); void app.watch.check() })
  return { title: t('home.title'), body, leave, settings: () => app.go('settings') }
}

const link = (words: string, tap: () => void) => button(words, tap, { kind: 'quiet' })

function waiting(app: App, s: Snapshot): HTMLElement {
  if (s.requests.length === 0) {
    const words = s.checkedAt > 0 ? t('home.none') : t(s.online ? 'home.looking' : 'home.unknown')
    return h('div', { class: 'empty' }, icon(s.checkedAt > 0 ? 'shield' : s.online ? 'clock' : 'offline'), h('p', {}, words))
  }
  return h('ul', { class: 'cards' }, ...s.requests.map((r) => h('li', {}, card(app, r))))
}

function card(app: App, r: Waiting): HTMLElement {
  return h('button', { type: 'button', class: 'card', on: { click: () => app.open(r.cid, false) } },
    h('span', { class: 'card-text' }, h('strong', {}, actionNamed(r.act)), h('span', { class: 'detail' }, h('bdi', {}, r.account.workspace.name), ' · ', h('bdi', {}, r.account.person.name))),
    icon('next'))
}

/** openByItself opens a request that is alone, once; not one that may long be over. */
function openByItself(app: App, s: Snapshot): void {
  if (s.remembered) return
  const only = s.requests.length === 1 ? s.requests[0] : undefined
  if (!only || app.seen.has(only.cid) || document.visibilityState !== 'visible') return
  app.open(only.cid, true)
}

function stateLine(app: App, s: Snapshot): (Node | string)[] {
  const checked = s.checkedAt > 0 ? t('home.checked', { time: clock(s.checkedAt) }) : ''
  const words = s.online ? app.push && t(`home.push.${app.push}` as Key) : t('home.not_connected')
  return [icon(s.online ? (app.push === 'on' ? 'bell' : 'clock') : 'offline'), [words, checked].filter(Boolean).join(' · ')]
}

/** notices are the things that want doing: notifications, a pairing that is not finished, a phone that was removed. */
function notices(app: App): HTMLElement[] {
  const list: HTMLElement[] = []
  for (const a of app.accounts) {
    if (a.state === 'claimed') list.push(notice(t('home.unfinished', { workspace: a.workspace.name }), button(t('home.go_on'), () => app.go(`pair/compare/${a.id}`), { kind: 'secondary' })))
    if (a.state === 'removed') list.push(removed(app, a))
  }
  if (app.push === 'ask') list.push(notice(t('home.push_ask'), button(t('notify.on'), () => app.go('notify'), { kind: 'secondary' })))
  if (app.push === 'denied' || app.push === 'broken' || app.push === 'install_first') list.push(notice(t(`home.push_${app.push}`), button(t('home.how'), () => app.go('notify'), { kind: 'secondary' })))
  return list
}

function removed(app: App, a: Account): HTMLElement {
  return notice(t('removed.means', { workspace: a.workspace.name }), button(t('removed.forget'), () => void app.forget(a), { kind: 'secondary' }))
}

const notice = (words: string, act: HTMLElement) => h('div', { class: 'notice' }, h('p', {}, words), act)

async function showRecent(section: HTMLElement, app: App): Promise<void> {
  const list = (await answers().catch(() => [] as Answer[])).slice(0, recentShown)
  if (list.length === 0) return
  section.hidden = false
  section.replaceChildren(h('h2', { id: 'recent' }, t('home.recent')), answerList(list, app.accounts))
}

/** answerList is the read-only list of home and history; a phone that answers for several says which of its names answered. */
export function answerList(list: Answer[], accounts: Account[]): HTMLElement {
  const phone = (a: Answer) => accounts.find((one) => one.id === a.account)?.name
  const line = (a: Answer) => h('li', { class: a.result },
    icon(a.result === 'approved' ? 'check' : 'cross'),
    h('span', { class: 'card-text' },
      h('strong', {}, t(a.result === 'approved' ? 'history.approved' : 'history.denied'), ' · ', h('bdi', {}, a.action)),
      h('span', { class: 'detail' }, h('bdi', {}, a.workspace), ' · ', h('bdi', {}, a.from), ' · ', phone(a) && h('bdi', {}, t('history.phone', { name: phone(a)! })), phone(a) && ' · ', h('time', { datetime: new Date(a.at).toISOString(), title: new Date(a.at).toUTCString() }, ago(a.at)))))
  return h('ul', { class: 'answers' }, ...list.map(line))
}
