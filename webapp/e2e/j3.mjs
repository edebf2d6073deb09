// J3: view the token, on both ways to the page, by each role that may. Each of them has a phone, a token that nobody has seen yet, and a
// browser that is known.
import { people } from './j1.mjs'
import { focusIs, focused, must, same, textOf, until } from './kit/check.mjs'

const minutes = 60_000

/** The keys of the rows that stand for the person at the computer. */
export const ways = ['left navigation', 'account menu']

/** Waits with the phone closed until it is pushed, and taps on the notice. */
export async function woken(world, phone) {
  const push = await phone.pushOfLast('confirm')
  must(JSON.stringify(Object.keys(push.payload).sort()) === '["cid","exp","t","v","ws"]', `the push says more than it may: ${Object.keys(push.payload)}`)
  await phone.deliver(push)
  const notice = await phone.asksToView()
  same(notice.tag, push.payload.cid, 'the tag of the notice')
  await phone.tapNotice(notice.tag)
  await phone.heading('Confirmation Request').waitFor()
  return push
}

/** Taps It's me! and gives what the computer makes of it. */
export async function itsMe(desk, phone) {
  const { world } = desk
  desk.marks.delete('Show Token')
  await phone.yes.click()
  await desk.showToken.waitFor()
  const shown = await until(() => desk.marks.get('Show Token'), 'the time of Show Token')
  world.figures.note('tap → web', shown - phone.tapped)
  await phone.heading('Confirmed. Go back to your computer.').waitFor() // it has kept its answer
  return shown - phone.tapped
}

/** SCIM with the token, as an identity provider calls it. */
export async function provision(world, token) {
  const scim = (path) => fetch(`${world.told.console}/v1/scim/v2${path}`, { headers: { Authorization: `Bearer ${token}`, 'User-Agent': 'e2e-idp/1' } })
  const config = await scim('/ServiceProviderConfig')
  same(config.status, 200, 'ServiceProviderConfig')
  must(/^application\/scim\+json/.test(config.headers.get('content-type')), 'ServiceProviderConfig is not SCIM')
  const users = await scim(`/Users?filter=${encodeURIComponent('userName eq "x"')}`)
  same(users.status, 200, 'Users with a filter')
  same((await users.json()).totalResults, 0, 'people named x')
  same((await fetch(`${world.told.console}/v1/scim/v2/Users`, { headers: { Authorization: `Bearer ${token}x` } })).status, 401, 'a wrong token')
}

/** Nothing that a browser keeps of the page has the token. */
export async function keepsNothing(desk, where) {
  const { page } = desk
  await desk.tell(`page source ${where}`, await page.content())
  await desk.tell(`address ${where}`, page.url())
  await desk.tell(`what fields and texts hold ${where}`, await page.evaluate(() => JSON.stringify([document.title, document.body.innerText, [...document.querySelectorAll('input, textarea')].map((e) => e.value)])))
}

/** Steps 1 to 10 once. */
export async function j3(world, person, path) {
  const { desk, mobile: phone } = person
  const { page } = desk
  const name = `J3 ${person.role}, ${path}`
  const keys = path === 'account menu'
  await phone.lock()
  await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
  let machine = 0
  const timed = async (run) => {
    const began = performance.now()
    await run()
    machine += performance.now() - began
  }

  await world.step(`${name}: 1 to Workspace Configuration`, async () => {
    await page.bringToFront()
    const began = performance.now()
    await desk.goto('/members')
    await desk.heading('All Members').waitFor()
    await page.getByRole('row').filter({ hasText: person.email }).waitFor()
    world.figures.note('page usable', performance.now() - began)
    await desk.configuration(path, person.first)
    await desk.look('S3 general')
  })

  await world.step(`${name}: 2 IDP Settings`, async () => {
    await desk.idpSettings(keys)
    await desk.look('S4 IDP Settings')
  })

  await world.step(`${name}: 3 View Token`, async () => {
    // The dialog is there before the service has answered.
    let answer
    const held = new Promise((go) => { answer = go })
    const hold = async (route) => { await held; await route.continue() }
    await page.route('**/v1/confirmations', hold, { times: 1 })
    await timed(() => desk.viewToken())
    await desk.says('Sending a request to your phone…')
    await desk.look('S5 sending')
    answer()
    await desk.says(`We sent a request to ${person.phone} at`)
    same((await textOf(desk.line)).replace(/at \d\d:\d\d/, 'at 14:02'), `We sent a request to ${person.phone} at 14:02. Open it and tap It's me!`, 'the line')
    await focusIs(page, (e, title) => e.closest('dialog:modal') && e.textContent === title, 'the title in the dialog', 'Confirm your identity to continue')
    await page.getByTestId('countdown').waitFor()
    same(await page.getByTestId('match-code').count(), 0, 'a code where one tap is enough')
    must(/^\(\d:\d\d\) Confirm your identity to continue$/.test(await page.title()), `the title of the tab: ${await page.title()}`)
    await world.picture(page, 'console-view-token')
    await desk.look('S5 waiting')
  })

  await world.step(`${name}: 4 the notice and the request on the phone`, async () => {
    await woken(world, phone)
    const facts = phone.page.locator('dl.facts')
    for (const [what, words] of [['what', 'View the SCIM API authentication token'], ['workspace', 'Acme'], ['who', `${person.name} (you)`], ['from', 'Chrome on Windows'], ['place', '127.0.0.1'], ['when', 'just now']])
      await facts.getByText(words).first().waitFor().catch(() => { throw new Error(`the request does not say ${what}`) })
    must(/^\d:\d\d$/.test(await textOf(phone.page.getByTestId('countdown'))), 'no time left on the phone')
    await world.picture(phone.page, 'phone-confirmation')
    await phone.look('M5 request')
    await desk.says(`Opened on ${person.phone}.`)
    await desk.look('S5 opened')
  })

  await world.step(`${name}: 5, 6 It's me!, and the token is there`, async () => {
    await timed(() => itsMe(desk, phone))
    await phone.heading('Confirmed. Go back to your computer.').waitFor()
    await phone.look('M6 confirmed')
    await desk.waiting.waitFor({ state: 'hidden' })
    same(await page.locator('dialog[open]').count(), 1, 'open dialogs')
    await focusIs(page, (e) => e.textContent === 'Show Token', 'the title of Show Token')
    await desk.showToken.getByRole('status').filter({ hasText: 'Identity confirmed. The token is ready to copy.' }).waitFor()
    const token = (person.token = await desk.token())
    must(/^cs_scim_[0-9A-Za-z]{49}$/.test(token), 'no token is shown')
    const fields = await page.evaluate((t) => [...document.querySelectorAll('input, textarea')].filter((e) => e.value.includes(t)).length, token)
    same(fields, 1, 'fields with the token')
    must(!(await page.content()).includes(token.slice(8, 20)), 'the page source holds the token')
    await desk.showToken.getByRole('button', { name: 'Hide', exact: true }).click()
    same(await desk.token(), `${'•'.repeat(12)}${token.slice(-4)}`, 'the hidden token')
    await desk.look('S6 hidden')
    await desk.showToken.getByRole('button', { name: 'Show', exact: true }).click()
    same(await desk.token(), token, 'the token shown again')
    await desk.look('S6 shown')
    await desk.tell('page source with the open dialog', await page.content())
  })
  const { token } = person

  await world.step(`${name}: 7 Copy`, async () => {
    const copy = desk.showToken.getByRole('button', { name: 'Copy', exact: true }).first()
    await timed(() => Promise.all([desk.showToken.getByText('Copied', { exact: true }).waitFor(), copy.click()])) // it is there for three seconds
    same(await desk.clipboard(), token, 'the clipboard')
    await desk.showToken.getByRole('status').filter({ hasText: 'Token copied to clipboard' }).waitFor()
    await copy.waitFor()
    await desk.look('S6 copied')
    await desk.context.clock.runFor(3100)
    await desk.showToken.getByText('Copied', { exact: true }).waitFor({ state: 'hidden' })
  })

  await world.step(`${name}: 8 the token on SCIM`, () => provision(world, token))

  await world.step(`${name}: 9 45 minutes later`, async () => {
    await page.evaluate(() => navigator.clipboard.writeText('something else'))
    await world.advance(45 * minutes)
    await desk.showToken.getByText('Hidden again after a minute without activity.').waitFor()
    same(await desk.token(), `${'•'.repeat(12)}${token.slice(-4)}`, 'the token after 45 minutes')
    await desk.showToken.getByRole('button', { name: 'Copy', exact: true }).first().click()
    await until(async () => (await desk.clipboard()) === token, 'the token on the clipboard')
    await desk.look('S6 after 45 minutes')
  })

  await world.step(`${name}: 10 Esc, and nothing is left`, () => world.meant([{ status: 409, call: /^GET \/v1\/device\/confirmations\// }], async () => {
    await phone.lock()
    await page.keyboard.press('Escape')
    await desk.showToken.waitFor({ state: 'hidden' })
    await focused(desk.button('View Token'), 'View Token')
    await keepsNothing(desk, 'after Esc')
    await page.goBack()
    await desk.heading('Workspace Configuration').waitFor()
    await keepsNothing(desk, 'after Back')
    await page.goForward()
    await desk.button('View Token').waitFor()
    await keepsNothing(desk, 'after Forward')
    await desk.viewToken()
    await desk.says(`We sent a request to ${person.phone}`)
    same(await desk.showToken.count(), 0, 'Show Token without another confirmation')
    await phone.deliver(await phone.pushOfLast('confirm'))
    await phone.asksToView()
    await desk.button('Cancel').click()
    await desk.waiting.waitFor({ state: 'hidden' })
    await phone.hears(await phone.pushOfLast('done'), 'Cancelled on the web.', 'Already answered')
  }))
  world.figures.note('J3', machine)
  // A cancelled request makes the next one within ten minutes ask for the code.
  await world.advance(15 * minutes)
}
