// J7, what takes longer: an Admin asks for a new token and the Owner approves it; its overlap runs out while the provider still uses the old
// one; months later it expires. Everybody is told by mail, and no mail holds a token: the search for secrets at the end reads them all.
import { must, same } from './kit/check.mjs'
import { confirmed, Provider } from './kit/idp.mjs'
import { silent } from './j9.mjs'

const minutes = 60_000
const hours = 60 * minutes
const days = 24 * hours
const title = 'Regenerate the SCIM API authentication token'

const hint = (token) => token.slice(-4)

async function section(desk) {
  await desk.goto('/settings/workspace/idp')
  await desk.button('View Token').waitFor()
  await desk.settled()
}

/** The token that is shown, kept; the dialog is closed. */
async function taken(desk) {
  await desk.showToken.waitFor()
  const token = await desk.token()
  must(/^cs_scim_[0-9A-Za-z]{49}$/.test(token), 'no token is shown')
  await desk.page.keyboard.press('Escape')
  await desk.showToken.waitFor({ state: 'hidden' })
  return token
}

export async function j7later(world, { ana, cleo, ben }) {
  let old
  await world.step('J7: Entra ID has a token', async () => {
    await world.control.ask('renew-token', { workspace: 'acme', email: ana.email })
    await section(ana.desk)
    await ana.desk.viewToken()
    await confirmed(ana.desk, ana.mobile)
    old = await taken(ana.desk)
  })
  const entra = new Provider(world, old)
  await silent(world, ana, entra)
  const fresh = await asked(world, { ana, cleo, ben })
  await overlapRunsOut(world, ana, entra, { old, fresh })
  await expires(world, ana, entra, fresh)
}

/** 10, 11: what an Admin may not do alone; everybody but the one who did it is told. */
async function asked(world, { ana, cleo, ben }) {
  const { desk, mobile: phone } = ben
  const { page } = desk
  await world.step('J7.10 an Admin asks for a new token, for 90 days', async () => {
    await section(desk)
    same(await desk.button('Regenerate…').count(), 0, 'Regenerate… for an Admin')
    await desk.button('Ask Owner or Super Admin').click()
    const dialog = desk.dialog(title)
    await dialog.getByLabel('Reason').selectOption({ label: 'Audit standards' })
    await dialog.getByLabel('Expires').selectOption({ label: '90 d' })
    await dialog.getByRole('button', { name: 'Regenerate', exact: true }).click()
    await page.getByTestId('quorum').filter({ hasText: '0 of 2' }).waitFor()
    await desk.look('S5 an Admin asks')
    await phone.goto(`/#c=${(await phone.pushOfLast('confirm')).payload.cid}`)
    await phone.page.getByLabel('Type the six digits shown on your computer').fill(await desk.code())
    await phone.yes.click()
    await phone.heading('Approved. A second admin has to approve too.').waitFor()
    await phone.look('M6 approved by one of two')
    await page.getByTestId('quorum').filter({ hasText: '1 of 2' }).waitFor()
    same(await desk.showToken.count(), 0, 'Show Token with one approval')
    await phone.lock()
  })
  return world.step('J7.10 the Owner approves on her phone, and the Admin sees the token', async () => {
    const { mobile: owners } = ana
    await owners.goto(`/#c=${(await owners.pushOfLast('confirm')).payload.cid}`)
    await owners.heading('Confirmation Request').waitFor()
    await owners.page.getByText(ben.name).first().waitFor()
    await owners.page.getByLabel(`Type the six digits on the screen of ${ben.name}`).fill(await desk.code())
    await owners.look('M12 approval of a new token')
    await owners.page.getByRole('button', { name: /^It's me! Approve/ }).click()
    await owners.heading('Confirmed. Go back to your computer.').waitFor()
    await owners.lock()
    const token = await taken(desk)
    for (const one of [ana, cleo]) await world.mail(one.email, new RegExp(`${ben.name} regenerated the`))
    await section(ana.desk)
    await ana.desk.page.getByRole('heading', { name: 'Two tokens are valid', level: 3 }).waitFor()
    return token
  })
}

/** 8: nobody looks, and the provider goes on with the old one. */
async function overlapRunsOut(world, person, entra, { old, fresh }) {
  const { desk } = person
  const { page } = desk
  await world.step('J7.8 two hours before the end the old one is still used', async () => {
    await world.days(22 * hours + 5 * minutes)
    await world.meant([{ network: true }], async () => { // as over night; one that runs on notes a token's use once in a minute, which no moved clock shortens
      await world.control.ask('stop')
      await world.control.ask('start')
    })
    entra.authorization = `Bearer ${old}`
    same(await entra.test(), 200, 'the old token before the end of its overlap')
    await world.control.ask('housekeep')
    await world.mail(person.email, new RegExp(`Entra ID still uses the old token …${hint(old)}`))
    await desk.signIn(person)
    await desk.goto('/notices')
    await page.getByText(`Entra ID still uses the old token …${hint(old)}`).first().waitFor()
    await desk.look('S21 an overlap that runs out')
  })
  await world.step('J7.8 the overlap is over', async () => {
    await world.advance(2 * hours)
    same(await entra.test(), 401, 'the old token after its overlap')
    entra.authorization = `Bearer ${fresh}`
    same(await entra.test(), 200, 'the new token')
  })
}

/** 9: warned at each step, by mail; at the end nothing syncs, and one button leads out of it. */
async function expires(world, person, entra, fresh) {
  const { desk, mobile: phone } = person
  const { page } = desk
  const goner = page.getByRole('row').filter({ hasText: 'Zora Gone' })
  await world.step('J11.5 somebody is deleted, and can be brought back for 30 days', async () => {
    same((await entra.call('DELETE', `/Users/${await entra.person('Zora', 'Gone')}`)).status, 204, 'deleting Zora')
    await desk.goto('/settings/directory/deleted')
    await goner.getByText('30 days left').waitFor()
  })
  for (const [wait, left] of [[59 * days, 30], [16 * days, 14], [7 * days, 7], [6 * days, 1]])
    await world.step(`J7.9 ${left} days before the end`, async () => {
      await world.days(wait)
      await world.control.ask('housekeep')
      await world.mail(person.email, new RegExp(`token …${hint(fresh)} expires on .*days left: ${left}\\)`))
    })
  await world.step('J7.9 on the last day it still works, and the page says what to do', async () => {
    same(await entra.test(), 200, 'the token on its last day')
    await desk.signIn(person)
    await section(desk)
    await page.getByText(`The token …${hint(fresh)} expires on`).first().waitFor()
    await desk.look('S4 the token expires soon')
  })
  await world.step('J11.5 after 30 days she is gone', async () => {
    await desk.goto('/settings/directory/deleted')
    await page.getByText('Nobody was deleted').waitFor()
    same(await goner.count(), 0, 'rows of Zora')
  })
  await world.step('J7.9 it has expired: Stopped, 401, and the way out', async () => {
    await world.days(2 * days)
    await world.control.ask('housekeep')
    await world.mail(person.email, new RegExp(`token …${hint(fresh)} has expired`))
    await desk.signIn(person)
    await desk.goto('/settings/workspace/idp')
    await page.getByText(`The token …${hint(fresh)} expired on`).first().waitFor()
    await page.getByText('Stopped', { exact: true }).first().waitFor()
    await desk.look('S4 the token has expired')
    const refused = await entra.call('GET', '/Users?count=1')
    same(refused.status, 401, 'the token after its end')
    must(/expired on/.test(refused.body.detail), `the answer says: ${refused.body.detail}`)
    await phone.seen()
    await desk.button('Regenerate…').first().click()
    const dialog = desk.dialog(title)
    await dialog.getByLabel('Reason').selectOption({ label: 'Token expiration compliance' })
    await dialog.getByRole('button', { name: 'Regenerate', exact: true }).click()
    await confirmed(desk, phone)
    entra.authorization = `Bearer ${await taken(desk)}`
    same(await entra.test(), 200, 'the token after that')
    await section(desk)
  })
}
