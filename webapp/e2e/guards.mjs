// G1: both ways to Workspace Configuration for every role at every width, by the keyboard alone, with names of all kinds. G2: J3, J4 and J10
// once more in the dark, at 200 % zoom, at 320 px, with motion, in forced colours and in German, with what a screen reader finds and hears.
import { focused, must, same, textOf } from './kit/check.mjs'
import { forget, heard, listen } from './kit/said.mjs'
import { Words } from './kit/words.mjs'
import { woken } from './j3.mjs'

const minutes = 60_000
const widths = [1280, 390, 320]
const password = 'correct horse battery staple guard'
const markup = '<img/src=x/onerror=hacked()>'

/** One of each role but the Owner, with a name that a page may stumble over. */
const strangers = [
  { role: 'super_admin', label: 'Super Admin', may: true, email: 'long@acme.test', name: markup + 'W'.repeat(80 - markup.length) },
  { role: 'admin', label: 'Admin', may: true, email: 'rtl@acme.test', name: 'يوسف بن عبد الرحمن' },
  { role: 'user', label: 'User', may: false, email: 'emoji@acme.test', name: '👩🏽‍🚀 Zoë' },
  { role: 'guest', label: 'Guest', may: false, email: 'short@acme.test', name: 'Q' },
]

const firstOf = (name) => name.trim().split(/\s+/)[0]

/** Adds somebody by the console's own calls, and sets their password by the link. */
async function arrive(world, admin, one) {
  const { status, link } = await admin.page.evaluate((body) => fetch('/v1/people', { method: 'POST', headers: { 'Content-Type': 'application/json', 'Countersign-Workspace': 'acme' }, body })
    .then(async (r) => ({ status: r.status, link: (await r.json()).link })), JSON.stringify({ name: one.name, email: one.email, role: one.role }))
  same(status, 201, `adding a ${one.label}`)
  const set = await fetch(`${world.told.console}/v1/session/password`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token: new URL(link).hash.slice(1), password }) })
  same(set.status, 204, `the password of a ${one.label}`)
  const desk = await world.desk(one.label)
  await desk.signIn({ email: one.email, password }, one.role === 'guest' ? 'My Profile' : 'All Members') // a guest sees nobody else
  return desk
}

/** Presses Tab until the focus is there, as somebody without a mouse does. */
async function tabTo(page, target, what) {
  for (let i = 0; i < 60; i++) {
    if (await target.evaluate((e) => e === document.activeElement)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`the keyboard does not reach ${what}`)
}

/** The navigation, unfolded where it is folded away. */
async function navigation(page) {
  const main = page.getByRole('navigation', { name: 'Main' })
  const menu = page.getByRole('button', { name: 'Menu', exact: true })
  if (await menu.isVisible()) {
    await tabTo(page, menu, 'Menu')
    await page.keyboard.press('Enter')
  }
  await main.waitFor()
  return main
}

async function waysIn(desk, one, width) {
  const { page } = desk
  const settings = (main) => main.getByRole('link', { name: 'Settings', exact: true })
  const arrived = () => desk.heading('Workspace Configuration').waitFor()
  const home = async () => {
    await desk.goto('/profile')
    await desk.heading('My Profile').waitFor()
    return navigation(page)
  }
  let main = await home()
  const greeting = main.getByRole('button', { name: `Hi there ${firstOf(one.name)}!`, exact: true })
  await greeting.waitFor()
  same(await page.evaluate(() => document.querySelectorAll('img[src="x"], [onerror]').length), 0, 'elements out of a name')
  same(await main.getByRole('link', { name: 'All Members', exact: true }).count(), one.role === 'guest' ? 0 : 1, `entries named All Members for a ${one.label}`)
  same(await settings(main).count(), one.may ? 1 : 0, `entries named Settings for a ${one.label} at ${width} px`)
  if (one.may) {
    await tabTo(page, settings(main), 'Settings')
    await page.keyboard.press('Enter')
    await arrived()
    same(new URL(page.url()).pathname, '/settings/workspace', 'the address of the left navigation')
    main = await home()
  }
  await tabTo(page, greeting, 'the account menu')
  await page.keyboard.press('ArrowDown')
  await page.getByRole('menu').waitFor()
  const entry = page.getByRole('menuitem', { name: 'Workspace Configuration', exact: true })
  same(await entry.count(), one.may ? 1 : 0, `entries named Workspace Configuration for a ${one.label} at ${width} px`)
  if (one.may) {
    for (let i = 0; i < 20 && !(await entry.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await arrived()
    same(new URL(page.url()).pathname, '/settings/workspace', 'the address of the account menu')
  } else {
    await page.keyboard.press('Escape')
    await focused(greeting, 'the button of the menu, after Esc')
  }
}

/** The address itself obeys the same rule. */
async function deepLink(world, desk, one) {
  const { page } = desk
  await world.meant([{ status: 403, call: /^GET \/v1\// }], async () => {
    await desk.goto('/settings/workspace/idp')
    if (!one.may) return page.getByText(`You need the Owner, Super Admin or Admin role to open Workspace Configuration. Your role: ${one.label}.`).waitFor()
    await desk.button('View Token').waitFor()
    same(await page.getByRole('tab', { name: 'IDP Settings' }).getAttribute('aria-selected'), 'true', 'the tab of the address')
  })
}

export async function g1(world, owner) {
  const everybody = [{ label: 'Owner', may: true, name: owner.name, desk: owner.desk }]
  await world.step('G1 people of every role, with names of all kinds', async () => {
    await owner.desk.goto('/members')
    await owner.desk.heading('All Members').waitFor()
    for (const one of strangers) everybody.push({ ...one, desk: await arrive(world, owner.desk, one) })
  })
  for (const one of everybody) {
    const { desk } = one
    const own = desk.page.viewportSize()
    for (const width of widths)
      await world.step(`G1 ${one.label}, ${width} px`, async () => {
        await desk.page.setViewportSize({ width, height: 800 })
        await waysIn(desk, one, width)
        await deepLink(world, desk, one)
      })
    await desk.page.setViewportSize(own)
    if (one.name !== owner.name) await world.leave(desk)
  }
}

// --- G2

const settings = [
  { name: 'dark', options: { colorScheme: 'dark' } },
  { name: '200 % zoom', options: { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 } },
  { name: '320 px', options: { viewport: { width: 320, height: 640 } } },
  { name: 'motion', options: { reducedMotion: 'no-preference' } }, // every other journey has it reduced
  { name: 'forced colours', options: { forcedColors: 'active' }, contrast: false }, // the system's own colours are not ours to judge
  { name: 'German', options: { locale: 'de-DE' }, language: 'de' },
]

/** What a screen reader finds in a dialog: names and roles, in their order. */
async function finds(dialog, forms, what) {
  const tree = await dialog.ariaSnapshot()
  let from = 0
  for (const form of forms) {
    const at = tree.slice(from).search(form)
    if (at < 0) throw new Error(`${what}: ${form.source} is not in its place:\n${tree}`)
    from += at + 1
  }
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const named = (role, name) => new RegExp(`${role} "${escaped(name)}`)

async function g2One(world, person, { name, options, language = 'en', contrast = true }) {
  const { mobile: phone } = person
  const w = new Words(language)
  const [confirming, showing] = [w.say('console.confirm.title'), w.say('console.token.title')]
  await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
  await phone.lock()
  const desk = await world.desk(`${person.first}, ${name}`, undefined, { ...options, storageState: await person.desk.context.storageState() })
  const { page } = desk
  await desk.context.addInitScript(listen)
  const here = (what) => world.look.here(page, `G2 ${name}, ${what}`, { contrast })
  const ask = async () => {
    await forget(page)
    await desk.button(w.say('console.idp.view')).click()
    await desk.dialog(confirming).waitFor()
    await desk.says(w.form('console.wait.sent'))
  }

  await world.step(`G2 J3, ${name}`, async () => {
    await desk.goto('/settings/workspace/idp')
    await desk.settled(w.say('console.sso.title'))
    await ask()
    await finds(desk.dialog(confirming), [named('heading', confirming), /status/, new RegExp(escaped(person.phone)), /timer/, named('link', w.say('console.lost.link')), named('button', w.say('common.cancel'))], 'Confirm your identity')
    await here('waiting')
    await woken(world, phone)
    await desk.says(w.form('console.wait.opened'))
    await phone.yes.click()
    const shown = desk.dialog(showing)
    await shown.waitFor()
    await shown.getByRole('status').filter({ hasText: w.say('console.token.ready') }).waitFor()
    await finds(shown, [named('heading', showing), named('textbox', w.say('console.token.label')), named('button', w.say('common.copy')), named('button', w.say('console.token.hide')),
      named('switch', w.say('console.token.keep')), named('textbox', w.say('console.idp.tenant_url')), named('button', w.say('common.close'))], 'Show Token')
    const token = await shown.getByTestId('token-value').inputValue()
    must(/^cs_scim_[0-9A-Za-z]{49}$/.test(token), 'no token is shown')
    await world.control.ask('shown', { kind: 'token', text: token })
    await shown.getByRole('button', { name: w.say('common.copy'), exact: true }).first().click()
    await shown.getByRole('status').filter({ hasText: w.say('console.token.copied') }).waitFor()
    same(await desk.clipboard(), token, 'the clipboard')
    await heard(page, [['calmly', w.form('console.wait.sent')], ['calmly', w.form('console.wait.opened')], ['calmly', w.form('console.token.ready')], ['calmly', w.form('console.token.copied')]], 'S5 and S6')
    await shown.getByRole('button', { name: w.say('console.token.hide'), exact: true }).click()
    await here('token')
    await page.keyboard.press('Escape')
    await shown.waitFor({ state: 'hidden' })
    await focused(desk.button(w.say('console.idp.view')), 'View Token')
  })

  await world.step(`G2 J4, ${name}`, async () => {
    await phone.lock()
    await world.advance(16 * minutes)
    await ask()
    await woken(world, phone)
    await desk.says(w.form('console.wait.opened'))
    await phone.no.click()
    await page.getByRole('alert').filter({ hasText: w.form('console.wait.denied') }).waitFor()
    await heard(page, [['calmly', w.form('console.wait.sent')], ['calmly', w.form('console.wait.opened')], ['at once', w.form('console.wait.denied')]], 'S5, denied')
    same(await desk.dialog(confirming).count(), 1, 'the dialog after a denial')
    await here('denied')
    await phone.page.getByRole('heading', { name: 'Was this you?' }).waitFor()
    await phone.button('I pressed it by mistake').click()
    await phone.page.getByText('You can ask again on your computer.').waitFor()
    await page.keyboard.press('Escape')
    await desk.dialog(confirming).waitFor({ state: 'hidden' })
    await phone.lock()
  })

  await world.step(`G2 J10, ${name}`, async () => {
    await desk.goto('/members')
    await page.getByLabel(w.say('console.members.search')).fill('nobody at all')
    await page.getByText(w.say('console.members.none_found'), { exact: true }).waitFor()
    await here('nobody found')
    await page.getByRole('link', { name: w.say('console.members.why_missing') }).last().click()
    await desk.heading(w.say('console.missing.title')).waitFor()
    await page.getByLabel(w.say('console.missing.field')).fill('nobody@acme.test')
    await desk.button(w.say('console.missing.ask')).click()
    await page.getByRole('heading', { level: 2 }).filter({ hasText: 'nobody@acme.test' }).waitFor()
    await here('why somebody is missing')
    await desk.goto('/settings/directory/log')
    const row = page.locator('a[data-row]').first()
    await row.waitFor()
    await here('log')
    await row.click()
    await desk.button(w.say('console.log.copy_link')).waitFor()
    must((await textOf(page.getByRole('heading', { level: 2 }).first())).length > 0, 'the call has no heading')
    await here('one call')
  })
  await world.leave(desk)
  await world.advance(16 * minutes)
}

export async function g2(world, person) {
  await world.control.ask('scim', { method: 'GET', path: '/Users?count=1' }) // so that there is a call to look at
  await world.advance(60 * minutes) // what was denied in the journeys before is long ago
  for (const setting of settings) await g2One(world, person, setting)
}
