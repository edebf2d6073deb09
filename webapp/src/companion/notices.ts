// What the person was told about their phones and recovery, and what cannot wait. The home screen asks for it when it is opened; a push "news" only
// says that there is something.
import type { App } from './app'
import { told, type Told } from './device'
import { h, icon } from './dom'
import { ago, dated, has, t, type Params } from './i18n'

const shownFor = 7 * 24 * 3600_000
const most = 5
const warnings = new Set(['token.expiring', 'token.overlap_ending']) // of what comes at their "until"

const over = (n: Told, now: number): boolean => warnings.has(n.kind) && Date.parse(String(n.params['until'])) <= now

/** words is the sentence of a notice; undefined where this app has none for its kind. */
export function words(notice: Told): string | undefined {
  const key = `told.${notice.kind}`
  if (!has(key)) return undefined
  const texts: Params = {}
  for (const [name, value] of Object.entries(notice.params)) if (typeof value === 'string' || typeof value === 'number') texts[name] = name === 'until' ? dated(Date.parse(String(value))) : value
  return t(key, texts)
}

/** newest is what is worth showing: young, known, no warning of what has come already; the newest first. */
export function newest(all: Told[], now: number): { id: string; at: number; text: string }[] {
  return all.filter((n) => !over(n, now)).map((n) => ({ id: n.id, at: Date.parse(n.created_at), text: words(n) }))
    .filter((n): n is { id: string; at: number; text: string } => n.text !== undefined && now - n.at < shownFor)
    .sort((a, b) => b.at - a.at).slice(0, most)
}

/** toldSection is empty and hidden until there is something. */
export function toldSection(app: App): HTMLElement {
  const section = h('section', { 'aria-labelledby': 'told', hidden: true })
  void fill(app, section)
  return section
}

async function fill(app: App, section: HTMLElement): Promise<void> {
  const all = await Promise.all(app.active().map((account) => told(account).catch(() => [] as Told[])))
  const list = newest(all.flat(), Date.now())
  if (list.length === 0) return
  section.hidden = false
  section.replaceChildren(h('h2', { id: 'told' }, t('told.title')),
    h('ul', { class: 'answers' }, ...list.map((n) => h('li', {}, icon('bell'),
      h('span', { class: 'card-text' }, h('bdi', {}, n.text), h('span', { class: 'detail' }, h('time', { datetime: new Date(n.at).toISOString() }, ago(n.at))))))))
}
