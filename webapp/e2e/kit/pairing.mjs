// Pairing a phone, from the panel on the computer to "Paired" on both screens.
import { must, same, textOf } from './check.mjs'

/** Goes to My trusted devices and opens the dialog. */
export async function openPairing(desk, person) {
  const { page } = desk
  if (new URL(page.url()).pathname !== '/profile') {
    await page.getByRole('button', { name: `Hi there ${person.first}!`, exact: true }).click()
    await page.getByRole('menuitem', { name: 'My Profile', exact: true }).click()
  }
  await page.getByRole('heading', { name: 'My trusted devices', level: 2 }).waitFor()
  await desk.look('S18 no phone yet')
  await desk.button('Pair your phone').click()
  await desk.dialog('Pair your phone').waitFor()
}

/** Opens the link of the QR code on a phone that has never seen the app, up to the name of the phone. */
export async function followLink(phone, link) {
  must(link.startsWith(`${phone.world.told.companion}/#pair=`), 'the QR code does not open the companion')
  await phone.goto(link)
  await phone.heading('Countersign').waitFor()
  same(new URL(phone.page.url()).hash, '', 'the secret of the link is still in the address')
  await phone.look('M1 welcome')
  await phone.button('Continue without installing').click()
}

/** Names the phone and offers its keys. */
export async function claim(phone, name) {
  await phone.page.getByLabel('Name of this phone').fill(name)
  await phone.look('M2 name')
  await phone.button('Pair').click()
  await phone.heading('Compare the numbers').waitFor()
}

/** Compares the digits of both screens and says that they match. */
export async function compare(desk, phone) {
  const digits = await textOf(desk.page.getByTestId('match-code'))
  must(/^\d{3}.\d{3}$/.test(digits), `no six digits in two groups: ${digits}`)
  same(await textOf(phone.page.locator('.digits')), digits, 'the digits on the phone')
  await desk.look('S18 compare')
  await phone.look('M2 compare')
  await desk.button('They match').click()
  await phone.heading('Paired').waitFor()
  await desk.page.getByText('Phone paired.').first().waitFor()
  await phone.look('M2 paired')
}

/** M3: notifications are explained, asked for, and tried out. */
export async function notifications(phone) {
  const { context, page, world } = phone
  await phone.button('Continue').click()
  await phone.heading('Turn on notifications').waitFor()
  must(phone.asked === 0, 'a permission was asked for before it was explained')
  await phone.look('M3 ask')
  await context.grantPermissions(['notifications'], { origin: world.told.companion })
  await page.getByRole('button', { name: 'Turn on notifications' }).click()
  await phone.heading('Notifications are on').waitFor()
  same(phone.asked, 1, 'how often the permission was asked for')
  await phone.deliver(await phone.push('test'))
  await phone.notice('Countersign', 'This is how a request will reach you.')
  const [delivered, late] = [page.getByText('Delivered', { exact: true }), page.getByText(/^It has not arrived yet\./)]
  await delivered.or(late).waitFor()
  if (await late.isVisible()) { // twenty seconds are long, but not on every machine
    await phone.button('Send a test notification').click()
    await phone.deliver(await phone.push('test'))
    await delivered.waitFor()
  }
  await phone.look('M3 on')
  await phone.button('Done').click()
  await page.getByText('No requests right now.').waitFor()
  await page.getByText(/Notifications working · checked \d\d:\d\d/).waitFor()
  await phone.look('M4 home')
}

/** The whole of it by the picture, for people whose pairing is not what a journey is about. */
export async function pairByLink(desk, phone, person) {
  await followLink(phone, await desk.qr())
  await claim(phone, person.phone)
  await compare(desk, phone)
  await notifications(phone)
}

/** Closes the pairing dialog; the first recovery codes appear, and are given back. */
export async function keepCodes(desk) {
  await desk.dialog('Pair your phone').getByRole('button', { name: 'Done', exact: true }).click()
  return finishCodes(desk)
}

/** Reads the ten codes and types one of them to finish; gives all ten. */
export async function finishCodes(desk) {
  const codes = desk.dialog('Recovery codes')
  await codes.waitFor()
  const first = codes.getByRole('listitem').first()
  const all = await codes.getByRole('listitem').allInnerTexts()
  must(all.length === 10 && all.every((code) => /^[0-9A-Z]{5}-[0-9A-Z]{5}$/.test(code)), 'no ten recovery codes are shown')
  await desk.look('S19 recovery codes')
  const field = codes.getByLabel('Type one of them to finish')
  await field.fill('AAAAA-AAAAA')
  await codes.getByRole('button', { name: 'Finish', exact: true }).click()
  await codes.getByText('That is not one of these codes.').waitFor()
  await field.fill((await textOf(first)).toLowerCase())
  await codes.getByRole('button', { name: 'Finish', exact: true }).click()
  await codes.waitFor({ state: 'hidden' })
  return all
}
