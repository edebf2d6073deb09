// Shown instead of everything when the server no longer serves this version of the app (410 or 426, docs/mobile.md §9).
import { button, h, icon } from '../dom'
import { t } from '../i18n'
import { heading, type Screen } from '../shell'
import { renew } from '../worker'

/** outdated asks for the update; needs is the lowest version that the server takes, or nothing. */
export function outdated(needs: string): Screen {
  const body = h('div', { class: 'page centred', 'data-testid': 'outdated' },
    h('div', { class: 'hero warn' }, icon('warn')),
    heading(t('outdated.title')),
    h('p', { class: 'lead' }, t('outdated.means')),
    needs ? h('p', {}, t('outdated.needs', { version: needs })) : '',
    h('div', { class: 'actions' },
      button(t('outdated.update'), () => void renew(), { kind: 'primary' }),
      h('p', { class: 'hint' }, t('outdated.again'))),
  )
  return { title: t('outdated.title'), body }
}
