// M2: scan or type, name the phone, compare six digits, done.
import type { App } from '../app'
import { button, field, h, icon } from '../dom'
import { clock, t, type Key } from '../i18n'
import { claim, pairError, resolve } from '../pairing'
import { Problem } from '../api'
import { heading, type Screen } from '../shell'
import { groupedCode, isPairingCode, pairingCode } from '../wire/code'

declare const APP_VERSION: string

/** choose offers the camera and the typed code. */
export function choose(app: App): Screen {
  const body = h('div', { class: 'page' },
    h('div', { class: 'hero' }, icon('phone')),
    heading(t('pair.title')),
    h('p', { class: 'lead' }, t('pair.where')),
    h('div', { class: 'actions' },
      button(t('pair.scan'), () => app.go('pair/scan'), { kind: 'primary', icon: 'scan' }),
      button(t('pair.type'), () => app.go('pair/code')),
    ),
  )
  return { title: t('pair.title'), body, back: () => app.go(app.accounts.length > 0 ? '' : 'welcome') }
}

/** typeCode takes the typed or pasted code and asks whose it is. */
export function typeCode(app: App): Screen {
  const code = field(t('pair.code'), t('pair.code_hint'), { class: 'code', autocapitalize: 'characters', inputmode: 'text', enterkeyhint: 'go', placeholder: 'XXXX-XXXX', translate: 'no' })
  const next = button(t('pair.continue'), () => void send(), { kind: 'primary' })
  code.input.addEventListener('input', () => {
    code.clear()
    // Only grouped where typing happens at the end, so that a correction in the middle keeps its place.
    if (code.input.selectionStart === code.input.value.length) code.input.value = groupedCode(pairingCode(code.input.value))
  })
  const send = async () => {
    if (isBusy(next)) return
    const normal = pairingCode(code.input.value)
    if (!isPairingCode(normal)) { code.fail(t('pair.code_short')); return }
    const leave = busy(next)
    try {
      app.invitation = await resolve(normal)
      app.go('pair/name', true)
    } catch (e) {
      code.fail(refusal(e, 'code'))
    } finally {
      leave()
    }
  }
  const body = h('form', { class: 'page', on: { submit: (e) => { e.preventDefault(); void send() } } },
    heading(t('pair.type_title')),
    h('p', { class: 'lead' }, t('pair.type_where')),
    code.root,
    h('div', { class: 'actions' }, next),
  )
  return { title: t('pair.type_title'), body, back: () => app.go('pair', true) }
}

/** nameIt shows who the phone will answer for, lets the person name it, and claims. */
export function nameIt(app: App): Screen {
  const invitation = app.invitation
  if (!invitation) return choose(app)
  const name = field(t('pair.name'), t('pair.name_hint'), { value: app.platform.name, maxlength: '64', enterkeyhint: 'go' })
  const failed = h('div', { class: 'problem', role: 'alert' })
  const go = button(t('pair.pair'), () => void send(), { kind: 'primary' })
  const send = async () => {
    if (isBusy(go)) return
    const chosen = name.input.value.trim()
    if (!chosen) { name.fail(t('pair.name_missing')); return }
    const leave = busy(go)
    failed.replaceChildren()
    try {
      const account = await claim(invitation, { name: chosen, os: app.platform.os, app: `companion ${APP_VERSION}` })
      app.invitation = undefined
      await app.read()
      void navigator.storage?.persist?.()
      app.go(`pair/compare/${account.id}`, true)
    } catch (e) {
      leave()
      failed.replaceChildren(h('p', {}, icon('warn'), refusal(e, 'link')))
      if (pairError(e) !== 'offline') go.replaceWith(button(t('pair.again'), () => { app.invitation = undefined; app.go('pair', true) }, { kind: 'primary' }))
    }
  }
  const body = h('form', { class: 'page', on: { submit: (e) => { e.preventDefault(); void send() } } },
    heading(t('pair.title')),
    invitation.workspace?.name
      ? h('dl', { class: 'facts' },
        h('div', { class: 'row' }, h('dt', {}, t('request.workspace')), h('dd', {}, h('bdi', {}, invitation.workspace.name))),
        h('div', { class: 'row' }, h('dt', {}, t('request.who')), h('dd', {}, h('bdi', {}, invitation.person?.name ?? ''))))
      : h('p', { class: 'lead' }, t('pair.ready')),
    name.root,
    failed,
    h('div', { class: 'actions' }, go),
  )
  return { title: t('pair.title'), body, back: () => { app.invitation = undefined; app.go('', true) } }
}

/** refusal is the plain sentence for an error while pairing. */
export function refusal(e: unknown, by: 'code' | 'link'): string {
  const why = pairError(e)
  if (why === 'limited') return t('pair.error.limited', { time: clock(Date.now() + (e instanceof Problem ? Math.max(1, e.retryAfter) : 60) * 1000) })
  if (why === 'wrong') return t(`pair.error.wrong_${by}`)
  return t(`pair.error.${why}` as Key)
}

/** busy holds a button while a call runs; it keeps the focus. */
export function busy(b: HTMLButtonElement): () => void {
  b.setAttribute('aria-busy', 'true')
  b.setAttribute('aria-disabled', 'true')
  return () => { b.removeAttribute('aria-busy'); b.removeAttribute('aria-disabled') }
}

const isBusy = (b: HTMLButtonElement) => b.getAttribute('aria-disabled') === 'true'
