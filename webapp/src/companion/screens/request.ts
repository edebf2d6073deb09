// M5 to M8: one request, from the signed challenge to the signed answer. Everything that can happen to it meanwhile is told.
import type { App } from '../app'
import { call, Offline, Problem } from '../api'
import { Distrust, fetchChallenge, respond, signAnswer, type Challenge, type Decision, type SignedAnswer } from '../challenge'
import { consoleOf, opened } from '../device'
import { button, field, h, icon, type FieldParts, type Icon } from '../dom'
import { action, colleague, from, helping, list, warnings } from '../facts'
import { clock, inline, left, plural, t, type Key } from '../i18n'
import { unlocked } from '../lock'
import { installed } from '../platform'
import { ended, outcome, type Ending } from '../outcome'
import { heading, type Screen } from '../shell'
import { answers, recordAnswer, type Account, type Answer } from '../store'
import type { Snapshot } from '../watch'
import { closeNotice } from '../worker'
import { digits, groupedDigits } from '../wire/code'

export interface Entry { fromNotice: boolean; byItself: boolean; instead?: boolean }

const endingIcon: Record<Ending, Icon> = {
  approved: 'check', half: 'check', network: 'cross', denied: 'cross', too_many: 'cross', expired: 'clock', cancelled: 'cross', superseded: 'clock',
  elsewhere_approved: 'phone', elsewhere_denied: 'phone', gone: 'clock',
}

/** armDelay keeps a tap that was meant for another screen from deciding a request that has just slid under the finger. */
const armDelay = 600

export function request(app: App, cid: string, entry: Entry): Screen {
  const body = h('div', { class: 'page request' })
  const one = new RequestScreen(app, cid, body, entry)
  one.start()
  return { title: t('request.title'), body, leave: () => one.leave(), back: () => app.go('') }
}

class RequestScreen {
  private account: Account | undefined
  private challenge: Challenge | undefined
  private over = false
  private gone = false
  private sending = false
  private kept: { key: string; answer: SignedAnswer } | undefined // the same bytes again after a lost reply
  private unsure: Decision | undefined // was sent, and no reply came
  private timer: ReturnType<typeof setInterval> | undefined
  private stopListening: () => void = () => undefined
  private lock: { release(): Promise<void> } | undefined
  private readonly time = h('span', { role: 'timer', 'data-testid': 'countdown' })
  private readonly problem = h('div', { class: 'problem', role: 'alert' })
  private code: FieldParts | undefined
  private yes: HTMLButtonElement | undefined
  private no: HTMLButtonElement | undefined
  private armed = false

  constructor(private readonly app: App, private readonly cid: string, private readonly body: HTMLElement, private readonly entry: Entry) {}

  start(): void {
    this.body.replaceChildren(heading(t('request.title')), skeleton())
    this.stopListening = this.app.watch.listen((s) => this.heard(s))
    void this.load()
  }

  leave(): void {
    this.gone = true
    this.rest()
  }

  /** rest ends what only an open request needs. */
  private rest(): void {
    clearInterval(this.timer)
    document.removeEventListener('visibilitychange', this.seenAgain)
    this.stopListening()
    this.stopListening = () => undefined
    void this.lock?.release().catch(() => undefined)
    this.lock = undefined
  }

  // ---- loading

  private async load(): Promise<void> {
    try {
      const found = await this.find()
      if (this.gone) return
      if (!found) { void this.end('gone'); return }
      this.account = found.account
      this.challenge = found.challenge
      if (this.left() <= 0) { void this.end('expired'); return }
      this.show(found.challenge)
      this.tellOpened(found.account)
    } catch (e) {
      if (!this.gone) this.failedToLoad(e)
    }
  }

  /** find asks for the request with each account that may hold it; only its own phone is told about it. */
  private async find(): Promise<{ account: Account; challenge: Challenge } | undefined> {
    const hint = this.app.watch.snapshot.requests.find((r) => r.cid === this.cid)?.account
    const order = hint ? [hint, ...this.app.active().filter((a) => a !== hint)] : this.app.active()
    let removed: unknown
    for (const account of order) {
      try {
        return { account, challenge: await fetchChallenge(account, this.cid) }
      } catch (e) {
        if (e instanceof Problem && e.code === 'unauthorized' && order.length > 1) { removed = e; continue }
        if (!(e instanceof Problem) || e.code !== 'not_found') { this.account = account; throw e }
      }
    }
    if (removed) throw removed
    return undefined
  }

  private failedToLoad(e: unknown): void {
    if (e instanceof Distrust) { this.distrust(e); return }
    const o = outcome(e, Date.now())
    if (o.kind === 'ended') { void this.end(o.why); return }
    if (o.kind === 'removed') { this.removed(); return }
    const words = o.kind === 'offline' ? t('request.offline_load') : o.kind === 'limited' ? t('request.limited', { time: clock(o.until) }) : t('request.failed', { code: o.kind === 'failed' ? o.code : '' })
    const again = () => { this.body.replaceChildren(heading(t('request.title')), skeleton()); this.app.shell.focus(); void this.load() }
    this.body.replaceChildren(heading(t('request.title')),
      h('div', { class: 'problem', role: 'alert' }, h('p', {}, icon('offline'), words)),
      h('div', { class: 'actions' }, button(t('retry'), again, { kind: 'primary' })))
  }

  private distrust(e: Distrust): void {
    this.finish('warn', 'warn', t('distrust.title'), h('p', { class: 'lead' }, t(`distrust.${e.reason}` as Key)), this.homeButton())
  }

  private removed(): void {
    const workspace = this.account?.workspace.name ?? ''
    this.finish('warn', 'warn', t('removed.title'), h('p', { class: 'lead' }, t('removed.means', { workspace })), this.homeButton())
    void this.app.watch.check()
  }

  private tellOpened(account: Account): void {
    const tell = () => opened(account, this.cid)
    tell().catch((e: unknown) => { if (e instanceof Offline) setTimeout(() => void tell().catch(() => undefined), 1000) })
  }

  // ---- the open request

  private show(c: Challenge): void {
    const what = inline(action(c))
    const help = helping(c) !== undefined || (this.account !== undefined && colleague(c, this.account) !== undefined)
    this.yes = button(t(help ? 'request.approve' : 'request.yes'), () => void this.approve(), { kind: 'primary', more: t('request.yes_more', { what }) })
    this.no = button(t(help ? 'request.decline' : 'request.no'), () => void this.deny(), { kind: 'secondary', more: t('request.no_more', { what }) })
    const code = c.mode === 'code' ? this.codeField() : ''
    this.armed = !this.entry.byItself
    this.enable()
    this.body.replaceChildren(
      heading(t('request.title')),
      this.entry.instead ? h('p', { class: 'note', role: 'alert' }, icon('clock'), t('ended.superseded')) : '',
      warnings(c) ?? '',
      list(c, this.time, this.now(), this.account && colleague(c, this.account)),
      code,
      this.problem,
      h('div', { class: c.mode === 'code' ? 'actions' : 'actions decide' }, this.yes, this.no),
    )
    this.app.shell.focus()
    if (!this.armed) setTimeout(() => { this.armed = true; this.enable() }, armDelay)
    this.tick()
    this.timer = setInterval(() => this.tick(), 1000)
    void this.stayAwake()
    document.addEventListener('visibilitychange', this.seenAgain)
  }

  /** seenAgain takes the lock again that a phone drops when the app is left. */
  private readonly seenAgain = () => { if (document.visibilityState === 'visible') void this.stayAwake() }

  private codeField(): HTMLElement {
    const asker = this.challenge && this.account ? colleague(this.challenge, this.account) : undefined
    const [label, hint] = asker ? [t('request.code_of', { person: asker }), t('request.code_of_hint', { person: asker })] : [t('request.code'), t('request.code_hint')]
    this.code = field(label, hint, { class: 'six', inputmode: 'numeric', maxlength: '9', pattern: '[0-9 ]*' })
    const input = this.code.input
    input.addEventListener('input', () => {
      const typed = digits(input.value)
      if (input.selectionStart === input.value.length) input.value = groupedDigits(typed)
      this.code?.clear()
      this.enable()
    })
    return this.code.root
  }

  private enable(): void {
    if (!this.yes || !this.no || this.sending) return
    for (const b of [this.yes, this.no]) b.setAttribute('aria-disabled', String(!this.armed))
    this.yes.disabled = this.code !== undefined && digits(this.code.input.value).length !== 6
  }

  private now(): number {
    return Date.now() + (this.account?.offset ?? 0)
  }

  private left(): number {
    return this.challenge ? this.challenge.exp - this.now() / 1000 : 0
  }

  private tick(): void {
    const seconds = this.left()
    this.time.textContent = left(seconds)
    this.time.classList.toggle('soon', seconds <= 60)
    const whole = Math.ceil(seconds)
    if (whole === 60 || whole === 30) this.app.shell.say(t('request.left_say', { n: whole }))
    if (seconds <= 0 && !this.sending) void this.end('expired')
  }

  private async stayAwake(): Promise<void> {
    const wake = (navigator as { wakeLock?: { request(kind: 'screen'): Promise<{ release(): Promise<void> }> } }).wakeLock
    this.lock = await wake?.request('screen').catch(() => undefined)
    if (this.over || this.gone) void this.lock?.release()
  }

  // ---- what happens elsewhere meanwhile

  private heard(s: Snapshot): void {
    if (this.over || this.gone || this.sending || !this.account || !this.challenge || !s.online) return
    if (this.account.state === 'removed') { this.removed(); return }
    if (s.requests.some((r) => r.cid === this.cid)) return
    void this.learn(s)
  }

  /** learn finds out why the request is not in the list any more. */
  private async learn(s: Snapshot): Promise<void> {
    if (this.unsure) {
      // It may have been our own answer that closed it: asking again with the same bytes tells.
      await this.decide(this.unsure, undefined)
      return
    }
    const why = await this.whyClosed()
    if (!why || this.over || this.gone || this.sending) return
    const newer = s.requests.find((r) => r.account === this.account && r.exp > (this.challenge?.exp ?? 0))
    if ((why === 'cancelled' || why === 'superseded') && newer) {
      this.over = true
      this.app.seen.add(newer.cid)
      this.app.openInstead(newer.cid)
      return
    }
    void this.end(why)
  }

  private async whyClosed(): Promise<Ending | undefined> {
    if (this.left() <= 0) return 'expired'
    try {
      await fetchChallenge(this.account!, this.cid)
      return undefined // still open: the list was older than the request
    } catch (e) {
      const o = outcome(e, Date.now())
      return o.kind === 'ended' ? o.why : undefined
    }
  }

  // ---- deciding

  /** approve asks for the phone's unlock first, where the person wants that. */
  private async approve(): Promise<void> {
    if (this.sending || this.over) return
    const code = this.code ? digits(this.code.input.value) : undefined
    this.hold(true, this.yes)
    const passed = await unlocked().catch(() => false)
    this.hold(false)
    if (this.over || this.gone) return
    if (!passed) { this.say('warn', t('request.not_unlocked')); return }
    return this.decide({ dec: 'approve', ...(code ? { code } : {}) }, this.yes)
  }

  private deny(): Promise<void> {
    return this.decide({ dec: 'deny' }, this.no)
  }

  private async decide(d: Decision, tapped: HTMLButtonElement | undefined): Promise<void> {
    const { account, challenge } = this
    if (!account || !challenge || this.sending || this.over) return
    this.hold(true, tapped)
    try {
      const state = await respond(account, this.cid, await this.answer(account, challenge, d))
      this.sending = false
      this.unsure = undefined
      await this.decided(d, state)
    } catch (e) {
      this.hold(false)
      this.refused(e, d)
    }
  }

  /** answer signs once; the same decision after a lost reply is sent with the same bytes, so that it counts once. */
  private async answer(account: Account, challenge: Challenge, d: Decision): Promise<SignedAnswer> {
    const key = JSON.stringify(d)
    if (this.kept?.key !== key) this.kept = { key, answer: await signAnswer(account, challenge, d) }
    return this.kept.answer
  }

  private hold(on: boolean, tapped?: HTMLButtonElement): void {
    this.sending = on
    this.problem.replaceChildren()
    for (const b of [this.yes, this.no]) {
      b?.toggleAttribute('data-held', on)
      b?.setAttribute('aria-disabled', String(on))
      b?.removeAttribute('aria-busy')
    }
    if (on) tapped?.setAttribute('aria-busy', 'true')
    if (this.code) this.code.input.readOnly = on
  }

  private async decided(d: Decision, state: string): Promise<void> {
    const denied = d.dec === 'deny'
    if (!denied && state === 'pending') { await this.remember('approved'); void this.end('half'); return } // another admin has to approve too
    if (!denied && state !== 'approved' && state !== 'consumed') { void this.end(ended(state)); return }
    await this.remember(denied ? 'denied' : 'approved')
    if (denied) this.showDenied()
    else void this.end('approved')
  }

  private async remember(result: 'approved' | 'denied'): Promise<void> {
    const { account, challenge: c } = this
    if (!account || !c) return
    this.app.seen.add(this.cid)
    await recordAnswer({ cid: this.cid, account: account.id, workspace: c.ctx.workspace, action: action(c), from: from(c.ctx), at: Date.now(), result }).catch(() => undefined)
  }

  private refused(e: unknown, d: Decision): void {
    const o = outcome(e, Date.now())
    if (o.kind === 'ended') {
      if (o.why === 'too_many') void this.remember('denied')
      void this.end(o.why)
    } else if (o.kind === 'removed') this.removed()
    else if (o.kind === 'wrong_code') this.wrongCode(o.left)
    else if (o.kind === 'offline') {
      this.unsure = d
      this.say('offline', t('request.offline'), () => void this.decide(d, d.dec === 'deny' ? this.no : this.yes))
    }
    else if (o.kind === 'limited') this.say('clock', t('request.limited', { time: clock(o.until) }))
    else this.say('warn', t('request.failed', { code: o.code }))
  }

  private wrongCode(left: number): void {
    if (!this.code) return
    this.code.input.value = ''
    this.enable()
    this.code.fail(`${t('request.wrong_code')} ${plural('request.tries', left)}`)
  }

  private say(drawn: 'offline' | 'clock' | 'warn', words: string, again?: () => void): void {
    this.problem.replaceChildren(h('p', {}, icon(drawn), words), again ? button(t('retry'), again, { kind: 'secondary' }) : '')
  }

  // ---- the end

  private async end(why: Ending): Promise<void> {
    if (this.over || this.gone) return
    this.over = true
    const own = why === 'elsewhere_approved' || why === 'elsewhere_denied' ? await this.ownAnswer() : undefined
    why = own?.result ?? why
    if (this.gone) return
    const good = why === 'approved' || why === 'half'
    const means = why === 'approved' ? this.approved(own) : t(`ended.${why}_means` as Key)
    this.finish(good ? 'good' : why === 'too_many' ? 'warn' : 'calm', endingIcon[why], t(`ended.${why}` as Key), h('p', { class: 'lead' }, means),
      ...(why === 'elsewhere_approved' && this.challenge ? [this.stranger()] : []), this.homeButton())
    if (good && this.entry.fromNotice && installed()) setTimeout(() => { if (!this.gone) close() }, 5000)
  }

  /** ownAnswer is what was answered here before, when an answered request is opened again. */
  private async ownAnswer(): Promise<Answer | undefined> {
    return (await answers().catch(() => [])).find((a) => a.cid === this.cid)
  }

  /** approved says what was: by the request on the screen or, when that is not given out any more, by the answer that was kept. */
  private approved(own: Answer | undefined): string {
    return [this.challenge ? action(this.challenge) : own?.action, this.challenge?.ctx.workspace ?? own?.workspace].filter(Boolean).join('\u00a0· ')
  }

  private showDenied(): void {
    const box = h('section', { class: 'report', 'aria-labelledby': 'was-this-you' })
    const choice = (reason: 'mistake' | 'not_me', words: string) => button(words, () => void this.report(box, reason), { kind: 'secondary' })
    box.append(h('h2', { id: 'was-this-you' }, t('report.title')), choice('mistake', t('report.mistake')), choice('not_me', t('report.not_me')))
    this.finish('calm', 'cross', t('ended.denied'), box, button(t('done'), () => this.app.go(''), { kind: 'quiet' }))
  }

  /** report adds the reason to a denial that already stands. */
  private async report(box: HTMLElement, reason: 'mistake' | 'not_me'): Promise<void> {
    const { account, challenge } = this
    if (!account || !challenge || this.sending) return
    this.sending = true
    box.querySelectorAll('button').forEach((b) => b.setAttribute('aria-disabled', 'true'))
    try {
      await respond(account, this.cid, await this.answer(account, challenge, { dec: 'deny', reason }))
      this.reported(box, reason)
    } catch (e) {
        if (e instanceof Problem && (e.code === 'already_answered' || e.code === 'confirmation_expired')) { this.reported(box, reason); return } // late, and written down
      const offline = e instanceof Offline
      box.querySelectorAll('button').forEach((b) => b.removeAttribute('aria-disabled'))
      box.querySelector('.problem')?.remove()
      box.append(h('div', { class: 'problem', role: 'alert' }, h('p', {}, icon('warn'), t(offline ? 'report.offline' : 'report.failed'))))
    } finally {
      this.sending = false
    }
  }

  private reported(box: HTMLElement, reason: 'mistake' | 'not_me'): void {
    box.replaceChildren(h('h2', { tabindex: '-1' }, t('report.thanks')), h('p', {}, t(`report.${reason}_means`)))
    if (reason === 'not_me') box.append(h('p', {}, t('report.not_me_more')), this.noteField(), this.changeSignIn())
    box.querySelector('h2')?.focus()
  }

  /** noteField takes, once, what the person wants to add; the report stands without it. */
  private noteField(): HTMLElement {
    const { account } = this
    if (!account) return h('p', {})
    const box = h('div', { class: 'field' })
    const text = h('textarea', { id: 'report-note', rows: '3', maxlength: '500' })
    const problem = h('div', { class: 'problem', role: 'alert' })
    const sent = () => {
      const line = h('p', { tabindex: '-1', class: 'delivered' }, icon('check'), t('report.note_sent'))
      box.replaceChildren(line)
      line.focus() // the button that had it is gone
    }
    const send = async () => {
      if (!text.value.trim()) { text.focus(); return }
      go.setAttribute('aria-busy', 'true')
      problem.replaceChildren()
      try {
        await call(account, 'POST', `/v1/device/confirmations/${encodeURIComponent(this.cid)}/note`, { note: text.value })
        sent()
      } catch (e) {
        if (e instanceof Problem && e.code === 'already_noted') { sent(); return } // the reply to the first was lost
        go.removeAttribute('aria-busy')
        problem.replaceChildren(h('p', {}, icon('warn'), t('report.note_failed')))
      }
    }
    const go = button(t('report.note_send'), () => void send(), { kind: 'secondary' })
    box.append(h('label', { for: 'report-note' }, t('report.note')), text, problem, go)
    return box
  }

  /** changeSignIn leads to the console, where passwords and passkeys are changed; until its address is known it says what to do. */
  private changeSignIn(): HTMLElement {
    const box = h('p', {}, t('report.change'))
    if (this.account) consoleOf(this.account).then((address) => {
      box.replaceChildren(h('a', { class: 'button secondary', href: `${address}/profile`, target: '_blank', rel: 'noopener noreferrer' }, t('report.change_link')))
    }, () => undefined)
    return box
  }

  /** stranger offers the report where another phone has confirmed what this person may not know. */
  private stranger(): HTMLElement {
    const box = h('section', { class: 'report' })
    box.append(button(t('report.not_me'), () => void this.report(box, 'not_me'), { kind: 'secondary' }))
    return box
  }

  private homeButton(): HTMLElement {
    return button(t('done'), () => this.app.go(''), { kind: 'secondary' })
  }

  /** finish puts the result where the request was. */
  private finish(look: 'good' | 'warn' | 'calm', drawn: Icon, title: string, ...rest: (HTMLElement | string)[]): void {
    this.over = true
    this.rest()
    this.body.classList.add('centred')
    const last = rest.pop()!
    this.body.replaceChildren(
      h('div', { class: `hero ${look}` }, icon(drawn)),
      heading(title), ...rest, h('div', { class: 'actions' }, last))
    this.app.shell.retitle(title)
    this.app.shell.focus()
    void closeNotice(this.cid)
    void this.app.watch.check()
  }
}

function skeleton(): HTMLElement {
  const line = () => h('div', { class: 'bone' })
  return h('div', { class: 'skeleton', 'aria-hidden': 'true' }, line(), line(), line(), line())
}
