// Shown instead of everything where the app cannot work: on an address where browsers give no keys, and where nothing can be kept.
import { button, h, icon } from '../dom'
import { t } from '../i18n'
import { heading, type Screen } from '../shell'

export function insecure(at: Location): Screen {
  const port = at.port || '80'
  const code = (words: string) => h('code', { translate: 'no' }, words)
  const way = (title: string, words: string, command?: string) =>
    h('li', {}, h('strong', {}, title), h('span', {}, words), command ? code(command) : '')
  const body = h('div', { class: 'page' },
    h('div', { class: 'hero warn' }, icon('warn')),
    heading(t('insecure.title')),
    h('p', { class: 'lead' }, t('insecure.why')),
    h('p', {}, t('insecure.here'), ' ', code(at.origin)),
    h('h2', {}, t('insecure.how')),
    h('ul', { class: 'ways' },
      way(t('insecure.https'), t('insecure.https_how')),
      way(t('insecure.lan'), t('insecure.lan_how'), 'make run LAN=1'),
      way(t('insecure.cable'), t('insecure.cable_how', { port }), `adb reverse tcp:${port} tcp:${port}`),
      way(t('insecure.tunnel'), t('insecure.tunnel_how')),
    ),
  )
  return { title: t('insecure.title'), body }
}

/** noStorage is for a browser that keeps nothing for this page, as some do in private windows. */
export function noStorage(): Screen {
  const body = h('div', { class: 'page centred' },
    h('div', { class: 'hero warn' }, icon('warn')),
    heading(t('storage.title')),
    h('p', { class: 'lead' }, t('storage.means')),
    h('div', { class: 'actions' }, button(t('retry'), () => location.reload(), { kind: 'primary' })),
  )
  return { title: t('storage.title'), body }
}
