// The facts of a request as people read them. They come from the signed challenge and from nowhere else.
import type { Challenge } from './challenge'
import { h, icon, type Child } from './dom'
import { ago, fill, has, t } from './i18n'
import { said } from './says'
import type { Account } from './store'
import en from '../i18n/en-companion.json'

/** action is what is asked for. The server sends English words or a name; known ones are said in the person's language. */
export function action(c: Pick<Challenge, 'act' | 'ctx'>): string {
  const help = helping(c)
  if (help) return t('request.help', { person: help.person })
  const byName = `action.${c.ctx.action || c.act}`
  if (has(byName)) return t(byName)
  const byAct = `action.${c.act}`
  if (has(byAct) && (en as Record<string, string>)[`companion.${byAct}`] === c.ctx.action) return t(byAct)
  return said(c.act, c.ctx.action, c.ctx.person) || c.ctx.action || c.act
}

/** helping is whom a colleague's lost phone is about, and the words to compare; the words are last, whatever the name holds. */
export function helping(c: Pick<Challenge, 'act' | 'ctx'>): { person: string; words: string } | undefined {
  const said = c.act === 'recovery.approve' ? /^Let (.+) pair a new phone\. The words: ([a-z]+ [a-z]+ [a-z]+)$/.exec(c.ctx.action) : null
  return said ? { person: said[1]!, words: said[2]! } : undefined
}

/** actionNamed is for lists, where only the name of the action is known. */
export function actionNamed(act: string): string {
  const key = `action.${act}`
  return has(key) ? t(key) : act
}

/** from is the asking browser: "Chrome on Windows". */
export function from({ browser, os }: Challenge['ctx']): string {
  if (browser && os) return t('request.browser_on', { browser, os })
  return browser || os || t('request.unknown_browser')
}

/** where is its place and address: "near Zagreb, HR · 93.184.216.34". */
export function where({ place, ip }: Challenge['ctx']): string {
  return [place && t('request.near', { place }), ip].filter(Boolean).join(' · ')
}

/** unusual says in words what is new about this request. */
export function unusual({ new: facts }: Challenge['ctx']): string[] {
  return facts.map((f) => (has(`request.new.${f}`) ? t(`request.new.${f}` as never) : fill(t('request.new.other'), { fact: f })))
}

/** row is one term of the description list. */
export function row(term: string, ...values: Child[]): HTMLElement {
  return h('div', { class: 'row' }, h('dt', {}, term), h('dd', {}, ...values))
}

/** colleague is who asks, where this phone is asked for the second approval of somebody else's request. */
export function colleague(c: Pick<Challenge, 'ctx'>, account: Pick<Account, 'person'>): string | undefined {
  return c.ctx.action.startsWith(`Approve for ${c.ctx.person}: `) && c.ctx.person !== account.person.name ? c.ctx.person : undefined
}

/** list is the description list of a request; left is the element that counts down, asker the colleague who asks. */
export function list(c: Challenge, left: HTMLElement, now: number, asker?: string): HTMLElement {
  const place = where(c.ctx)
  const help = helping(c)
  return h('dl', { class: 'facts' },
    h('div', { class: 'row lead' }, h('dt', {}, t('request.what')), h('dd', {}, name(action(c)))),
    help && h('div', { class: 'row lead' }, h('dt', {}, t('request.words')), h('dd', { lang: 'en', translate: 'no' }, help.words)),
    row(t('request.workspace'), name(c.ctx.workspace)),
    row(t('request.who'), name(asker ?? t('request.you', { person: c.ctx.person }))),
    row(t('request.from'), name(from(c.ctx)), place && h('span', { class: 'detail' }, place)),
    row(t('request.when'), ago(c.iat * 1000, now), c.ctx.since > 0 && h('span', { class: 'detail' }, t('request.since', { time: ago(c.ctx.since * 1000, now) }))),
    row(t('request.left'), left),
  )
}

/** name keeps a text that others wrote in its own direction. */
const name = (words: string) => h('bdi', {}, words)

/** warnings is the box of unusual facts, or nothing. */
export function warnings(c: Challenge): HTMLElement | null {
  const words = unusual(c.ctx)
  if (words.length === 0) return null
  return h('ul', { class: 'unusual', 'aria-label': t('request.unusual') }, ...words.map((w) => h('li', {}, icon('warn'), w)))
}
