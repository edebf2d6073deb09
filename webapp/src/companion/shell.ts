// The frame around every screen: header, banners, the one main area, and what is only spoken. It knows no screen.
import { h, icon, type Child } from './dom'
import { clock, t } from './i18n'

export interface Screen {
  title: string
  body: HTMLElement
  back?: (() => void) | undefined // absent on the first screens
  settings?: (() => void) | undefined
  leave?: (() => void) | undefined // when another screen takes over
}

/** heading is the h1 of a screen; it takes the focus when the screen appears. */
export const heading = (...words: Child[]): HTMLHeadingElement => h('h1', { tabindex: '-1' }, ...words)

export class Shell {
  private readonly bar = h('header', { class: 'bar' })
  private readonly banners = h('div', { class: 'banners', role: 'status' })
  private readonly main = h('main', {})
  private current: Screen | undefined
  private banner: HTMLElement | undefined
  waiting: (() => void) | undefined // restarts into the newer version, once there is one

  constructor(root: HTMLElement, private readonly polite: HTMLElement) {
    root.replaceChildren(this.bar, this.banners, this.main)
  }

  /** show swaps the screen and puts the focus on its heading. */
  show(screen: Screen): void {
    this.current?.leave?.()
    this.current = screen
    this.bar.replaceChildren(
      screen.back ? this.tool('back', t('back'), screen.back) : h('span', { class: 'brand' }, screen.title === 'Countersign' ? '' : icon('shield'), screen.title === 'Countersign' ? '' : 'Countersign'),
      screen.settings ? this.tool('gear', t('settings.title'), screen.settings) : '',
    )
    this.main.replaceChildren(screen.body)
    this.retitle(screen.title)
    scrollTo(0, 0)
    this.focus()
  }

  /** focus puts the focus on the heading; screens call it when their content becomes another one. */
  focus(): void {
    this.main.querySelector('h1')?.focus({ preventScroll: true })
  }

  retitle(title: string): void {
    document.title = title === 'Countersign' ? title : `${title} · Countersign`
  }

  private tool(name: 'back' | 'gear', words: string, tap: () => void): HTMLElement {
    return h('button', { type: 'button', class: 'tool', 'aria-label': words, on: { click: tap } }, icon(name))
  }

  /** say speaks to screen readers what stands nowhere on the screen; the same words twice are spoken twice. */
  say(words: string): void {
    this.polite.textContent = this.polite.textContent === words ? `${words}\u200b` : words
  }

  /** connection shows or takes away the banner of M11. */
  connection(online: boolean, checkedAt: number): void {
    if (online === !this.banner) return
    if (online) {
      this.banner?.remove()
      this.banner = undefined
      this.say(t('online.again'))
      return
    }
    const shown = checkedAt > 0 ? t('offline.since', { time: clock(checkedAt) }) : t('offline.never')
    this.banner = h('div', { class: 'banner warn' }, icon('offline'), h('div', {}, h('strong', {}, t('offline.title')), h('p', {}, shown)))
    this.banners.append(this.banner)
  }

  /** update offers the newer version once. */
  update(restart: () => void): void {
    this.waiting = restart
    if (this.banners.querySelector('.update')) return
    this.banners.prepend(h('div', { class: 'banner update' }, h('span', {}, t('update.ready')),
      h('button', { type: 'button', class: 'button small', on: { click: restart } }, t('update.restart'))))
  }
}
