// The companion: starts, finds the screen for the address, and keeps asking what waits.
import { whenOutdated } from './api'
import { App } from './app'
import { badge } from './badge'
import { load } from './i18n'
import { holdInstallPrompt, platform } from './platform'
import { pref } from './prefs'
import { compare, paired } from './screens/compare'
import { home } from './screens/home'
import { insecure, noStorage } from './screens/insecure'
import { notify } from './screens/notify'
import { choose, nameIt, typeCode } from './screens/pair'
import { request } from './screens/request'
import { outdated } from './screens/outdated'
import { scan } from './screens/scan'
import { history as answered, settings } from './screens/settings'
import { welcome } from './screens/welcome'
import { Shell, type Screen } from './shell'
import { Watch } from './watch'
import { pairLink } from './wire/code'
import { onUpdate, registerWorker } from './worker'

const element = (id: string) => document.getElementById(id)!

async function start(): Promise<void> {
  const chosen = await pref('language')
  await load(chosen ? [chosen] : navigator.languages)
  const shell = new Shell(element('app'), element('polite'))
  if (!isSecureContext) {
    shell.show(insecure(location))
    return
  }
  const app: App = new App(shell, await platform(), new Watch(() => app.accounts))
  takeLink(app)
  try {
    await app.read()
  } catch {
    shell.show(noStorage())
    return
  }
  app.route = () => shell.show(screenFor(app))
  whenOutdated((e) => {
    app.watch.stop()
    app.route = () => shell.show(outdated(e.needs))
    app.route()
  })
  app.watch.listen((s) => {
    void badge(s.requests.length)
    if (app.active().length > 0) shell.connection(s.online, s.checkedAt)
  })
  addEventListener('popstate', () => { takeLink(app); app.route() })
  // Another window of this phone may have paired meanwhile, or the system's settings were changed.
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') void app.read().then(() => app.lookAgain()) })
  navigator.serviceWorker?.addEventListener('message', (e) => { if (e.data?.t === 'open') app.open(String(e.data.cid), false, true) })
  await app.watch.recall()
  app.route()
  app.watch.start()
  if (app.accounts.length > 1) void app.finishBegun()
  void registerWorker()
  void onUpdate((restart) => shell.update(restart))
}

/** takeLink takes a pairing secret out of the address at once: it must not stay in the history. */
function takeLink(app: App): void {
  const link = pairLink(location.hash)
  if (!link) return
  history.replaceState(null, '', '/')
  app.invitation = link
}

function screenFor(app: App): Screen {
  const at = location.hash.slice(1)
  const [first = '', second = '', third = ''] = at.split('/')
  if (first.startsWith('c=') && app.accounts.length > 0) return open(app, decodeURIComponent(first.slice(2)))
  const account = app.accounts.find((a) => a.id === third)
  if (first === 'pair') {
    if (second === 'compare' && account?.state === 'claimed') return compare(app, account)
    if (second === 'done' && account) return paired(app, account)
    if (second === 'name' && app.invitation) return nameIt(app)
    if (second === 'code') return typeCode(app)
    if (second === 'scan') return scan(app)
    if (second === '') return choose(app)
  }
  if (first === 'welcome') return welcome(app)
  if (first === 'notify') return notify(app)
  if (first === 'settings') return settings(app)
  if (first === 'history') return answered(app)
  return front(app)
}

const open = (app: App, cid: string) => request(app, cid, app.entry(cid))

/** front is what the plain address shows: the pairing that was begun, the requests, or the welcome. */
function front(app: App): Screen {
  if (app.invitation) return app.accounts.length > 0 || app.platform.installed ? nameIt(app) : welcome(app)
  const begun = app.accounts.find((a) => a.state === 'claimed')
  if (begun && app.accounts.length === 1) return compare(app, begun)
  return app.accounts.length > 0 ? home(app) : welcome(app)
}

holdInstallPrompt()
void start()
