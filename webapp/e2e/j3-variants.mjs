// What must not happen in J3: the wrong role, the wrong tab, a tab that is gone, an approval that is too old.
import { people } from './j1.mjs'
import { itsMe, keepsNothing, provision, woken } from './j3.mjs'
import { must, same, until } from './kit/check.mjs'

const minutes = 60_000
const tokenPage = '/settings/workspace/idp'

const reveals = (world) => world.control.exchanges('console', (x) => /\/reveal$/.test(x.target))

/** The id of the request that was made last: known as soon as its page has asked for its socket. */
const lastAsked = (world) => until(() => world.asked, 'the id of the request')

/** c: a User has no way there. */
export async function wrongRole(world) {
  const { dora } = people
  const { desk } = dora
  const { page } = desk
  await world.step('J3c the role User has no Settings', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'All Members' }).waitFor()
    same(await page.getByRole('link', { name: 'Settings' }).count(), 0, 'entries named Settings')
    await page.getByRole('button', { name: 'Hi there Dora!', exact: true }).click()
    await page.getByRole('menuitem', { name: 'My Profile' }).waitFor()
    same(await page.getByRole('menuitem', { name: 'Workspace Configuration' }).count(), 0, 'entries named Workspace Configuration')
    await desk.look('S2 menu of a User')
    await page.keyboard.press('Escape')
  })
  await world.step('J3c the address is refused in words', () => world.meant([{ status: 403, call: /^GET \/v1\/directory$/ }], async () => {
    for (const path of [tokenPage, '/settings/workspace', '/settings']) {
      await desk.goto(path)
      await page.getByText('You need the Owner, Super Admin or Admin role to open Workspace Configuration. Your role: User.').waitFor()
    }
    await desk.look('S23 forbidden')
    const status = await page.evaluate(() => fetch('/v1/directory', { headers: { 'Countersign-Workspace': 'acme' } }).then(async (r) => `${r.status} ${(await r.json()).allowed_roles}`))
    same(status, '403 owner,super_admin,admin', 'the service itself')
  }))
}

/** a and b: a browser without a clipboard for pages copies the older way; where that is refused too, the text is selected and the page says so. */
async function copyWithoutClipboard(world, desk, token) {
  const { page } = desk
  const copy = desk.showToken.getByRole('button', { name: 'Copy', exact: true }).first()
  await page.evaluate(() => navigator.clipboard.writeText('something else'))
  const clipboard = await page.evaluateHandle(() => navigator.clipboard)
  await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { configurable: true, value: undefined })) // as on plain http
  await Promise.all([desk.showToken.getByText('Copied', { exact: true }).waitFor(), copy.click()])
  same(await clipboard.evaluate((c) => c.readText()), token, 'the clipboard, by the older way')
  await desk.context.clock.runFor(3100)
  await desk.showToken.getByText('Copied', { exact: true }).waitFor({ state: 'hidden' })
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: () => Promise.reject(new DOMException('', 'NotAllowedError')) } })
    document.execCommand = () => false
  })
  await copy.click()
  await desk.showToken.getByText('Copy did not work. The token is selected — press Ctrl+C.').waitFor()
  await until(() => page.evaluate((t) => document.activeElement.value === t && document.activeElement.selectionEnd - document.activeElement.selectionStart === t.length, token), 'the selected token')
  same(await desk.showToken.getByText('Copied', { exact: true }).count(), 0, '"Copied" though nothing was')
  await desk.look('S6 copy did not work')
}

/** d: two tabs of one session; the one that asked gets the token. */
export async function twoTabs(world, person) {
  const { desk, mobile: phone } = person
  await world.step('J3d only the tab that asks gets the token', async () => {
    await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
    await phone.lock()
    await desk.goto(tokenPage)
    const other = await desk.context.newPage()
    await other.goto(world.told.console + tokenPage)
    await other.getByRole('button', { name: 'View Token', exact: true }).waitFor()
    await desk.page.bringToFront()
    const before = (await reveals(world)).length
    await desk.viewToken()
    await woken(world, phone)
    await itsMe(desk, phone)
    const token = await desk.token()
    const held = await other.evaluate(() => JSON.stringify([document.body.innerText, [...document.querySelectorAll('textarea, input')].map((e) => e.value), document.querySelectorAll('dialog[open]').length]))
    must(!held.includes(token.slice(8, 20)) && held.endsWith(',0]'), 'the other tab shows something')
    same((await reveals(world)).length, before + 1, 'calls that collect')
    await desk.tell('the other tab', (await other.content()) + held)
    await other.close()
  })
  await world.step('J3a, J3b copying without a clipboard', async () => {
    await copyWithoutClipboard(world, desk, await desk.token())
    await desk.page.keyboard.press('Escape')
    await desk.showToken.waitFor({ state: 'hidden' })
  })
  await world.advance(15 * minutes)
}

/** e: approved, but the tab that asked was closed meanwhile. */
export async function closedTab(world, person) {
  const { desk, mobile: phone } = person
  await world.step('J3e approved after the tab was closed: nothing is handed out', async () => {
    await phone.lock()
    await desk.goto(tokenPage)
    await desk.viewToken()
    await desk.says('We sent a request')
    const id = await lastAsked(world)
    const before = (await reveals(world)).length
    await desk.page.close()
    await woken(world, phone)
    await phone.yes.click()
    await phone.heading('Confirmed. Go back to your computer.').waitFor()
    same((await world.control.ask('confirmation', { id })).state, 'approved', 'the request')
    desk.page = await desk.context.newPage()
    await desk.goto(tokenPage)
    await desk.button('View Token').waitFor()
    same(await desk.page.locator('dialog[open]').count(), 0, 'open dialogs in a new tab')
    await world.advance(61_000)
    await until(async () => (await world.control.ask('confirmation', { id })).state === 'expired', 'the end of the approval')
    same((await world.control.ask('confirmation', { id })).reason, 'not_collected', 'how it ended')
    same((await reveals(world)).length, before, 'calls that collect')
    await keepsNothing(desk, 'in the new tab')
  })
  await world.advance(15 * minutes)
}

/** f: the approval is 61 seconds old when the computer comes back. */
export async function lateToCollect(world, person) {
  const { desk, mobile: phone } = person
  await world.step('J3f an approval of 61 seconds ago is expired', async () => {
    await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
    await phone.lock()
    await desk.goto(tokenPage)
    await desk.viewToken()
    await desk.says('We sent a request')
    await world.meant([{ network: true }, { status: 410, call: /reveal$/ }], async () => {
      await world.control.ask('line', { line: 'console', mode: 'cut' })
      await desk.page.getByText('Connection lost. Trying again… your request is still open.').waitFor()
      await woken(world, phone)
      await phone.yes.click()
      await phone.heading('Confirmed. Go back to your computer.').waitFor()
      await world.advance(61_000)
      await world.control.ask('line', { line: 'console', mode: 'open' })
      await desk.page.evaluate(() => dispatchEvent(new Event('online'))) // as a browser does when the line is back
      await desk.says('The confirmation has expired. Confirm again.')
    })
    await desk.look('S5 not collected')
    same(await desk.showToken.count(), 0, 'Show Token')
    await desk.button('Confirm again').or(desk.button('Send again')).click()
    await desk.says('We sent a request')
    await phone.lock()
    // Asked again within ten minutes of one that was not collected, so with the code.
    const code = await desk.code()
    await desk.look('S5 waiting with a code')
    await woken(world, phone)
    must(await phone.yes.isDisabled(), "It's me! works without digits")
    await phone.look('M7 code')
    await phone.page.getByLabel('Type the six digits shown on your computer').fill(code)
    await itsMe(desk, phone)
    await provision(world, await desk.token())
    await desk.page.keyboard.press('Escape')
  })
  await world.advance(15 * minutes)
}
