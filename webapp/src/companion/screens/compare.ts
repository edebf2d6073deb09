// M2, second half: six digits on both screens, then the phone's first signed answer, then "Paired".
import type { App } from '../app'
import { Offline, Problem } from '../api'
import { Distrust } from '../challenge'
import { remove } from '../device'
import { button, h, icon } from '../dom'
import { t } from '../i18n'
import { activate, settle, waitForMatch, type PairState } from '../pairing'
import { heading, type Screen } from '../shell'
import { dropAccount, type Account } from '../store'
import { groupedDigits } from '../wire/code'

type End = 'active' | 'refused' | 'expired' | 'distrust'

export function compare(app: App, account: Account): Screen {
  const stop = new AbortController()
  const line = h('p', { class: 'waiting', role: 'status' }, t('compare.waiting'))
  const finish = (how: End) => { if (!stop.signal.aborted) void over(app, account, how) }
  void follow(account, stop.signal, (words) => { line.textContent = words }).then(finish)
  const body = h('div', { class: 'page' },
    heading(t('compare.title')),
    h('p', { class: 'lead' }, t('compare.how')),
    h('p', { class: 'digits', translate: 'no' }, groupedDigits(account.sas)),
    h('dl', { class: 'facts' },
      h('div', { class: 'row' }, h('dt', {}, t('request.workspace')), h('dd', {}, h('bdi', {}, account.workspace.name))),
      h('div', { class: 'row' }, h('dt', {}, t('request.who')), h('dd', {}, h('bdi', {}, account.person.name))),
      h('div', { class: 'row' }, h('dt', {}, t('pair.name')), h('dd', {}, h('bdi', {}, account.name)))),
    line,
    h('p', { class: 'hint' }, t('compare.different')),
    h('div', { class: 'actions' }, button(t('compare.stop'), () => void cancel(app, account, stop), { kind: 'quiet' })),
  )
  return { title: t('compare.title'), body, leave: () => stop.abort(), back: app.accounts.length > 1 ? () => app.go('', true) : undefined }
}

async function cancel(app: App, account: Account, stop: AbortController): Promise<void> {
  stop.abort()
  await remove(account).catch(() => dropAccount(account.id))
  await app.read()
  app.go('', true)
}

/** follow waits for "They match", answers the activation, and says how it ended. Lost calls are made again. */
async function follow(account: Account, signal: AbortSignal, say: (words: string) => void): Promise<End> {
  let state: PairState = 'claimed'
  for (let failures = 0; !signal.aborted;) {
    try {
      if (state === 'claimed') state = await waitForMatch(account, 'claimed', signal)
      if (state === 'refused' || state === 'expired' || state === 'active') return state
      if (state === 'matched') {
        say(t('compare.finishing'))
        if (await activate(account)) state = await waitForMatch(account, 'matched', signal)
        else await pause(500, signal)
        if (state === 'matched') state = await now(account, signal)
      }
      failures = 0
    } catch (e) {
      if (e instanceof Distrust) return 'distrust'
      // A pairing that was refused takes the phone's access with it.
      if (e instanceof Problem && (e.code === 'unauthorized' || e.code === 'not_found')) return 'refused'
      if (e instanceof Problem && e.status === 410) return 'expired'
      if (!(e instanceof Problem || e instanceof Offline)) throw e
      failures++
      await pause(Math.min(1000 * 2 ** (failures - 1), 30_000), signal)
    }
  }
  return 'expired'
}

/** now asks without waiting: "claimed" is left behind for good. */
const now = (account: Account, signal: AbortSignal) => waitForMatch(account, 'claimed', signal)

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((ok) => {
    const end = () => { clearTimeout(timer); removeEventListener('online', end); ok() }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
    addEventListener('online', end)
  })
}

async function over(app: App, account: Account, how: End): Promise<void> {
  await settle(account, how === 'distrust' ? 'refused' : how)
  await app.read()
  if (how === 'active') {
    void app.watch.check()
    app.go(`pair/done/${account.id}`, true)
    return
  }
  app.shell.show(ended(app, how))
}

function ended(app: App, how: Exclude<End, 'active'>): Screen {
  const body = h('div', { class: 'page centred' },
    h('div', { class: 'hero warn' }, icon('warn')),
    heading(t(`compare.${how}`)),
    h('p', { class: 'lead' }, t(`compare.${how}_means`)),
    h('div', { class: 'actions' }, button(t('pair.again'), () => app.go('pair', true), { kind: 'primary' })),
  )
  return { title: t(`compare.${how}`), body, back: () => app.go('', true) }
}

/** paired is the end of a pairing; notifications come next where they can be had. */
export function paired(app: App, account: Account): Screen {
  const body = h('div', { class: 'page centred' },
    h('div', { class: 'hero good' }, icon('check')),
    heading(t('paired.title')),
    h('p', { class: 'lead' }, t('paired.means', { person: account.person.name, workspace: account.workspace.name })),
    h('div', { class: 'actions' }, button(t('paired.continue'), () => void next(app), { kind: 'primary' })),
  )
  return { title: t('paired.title'), body }
}

async function next(app: App): Promise<void> {
  const state = await app.findPush()
  app.go(state === 'ask' ? 'notify' : '', true)
}
