// J2: pair the phone. Cleo, a Super Admin, has just signed in for the first time.
import { people } from './j1.mjs'
import { focusIs, focused, must, same, textOf } from './kit/check.mjs'
import { storage } from './kit/storage.mjs'
import { claim, compare, followLink, keepCodes, notifications, openPairing } from './kit/pairing.mjs'

const minutes = 60_000

export async function j2(world) {
  const { cleo } = people
  const { desk } = cleo
  const { page } = desk
  const phone = (cleo.mobile = await world.phone(cleo.first))
  const dialog = desk.dialog('Pair your phone')
  const typed = () => dialog.locator('code')
  const [iphone, third] = [await world.phone('an iPhone', { ios: true }), await world.phone('a third browser')]
  const began = world.lived()
  let code = ''
  let link = ''

  await world.step('J2.1 the dialog has a picture, a code and five minutes', async () => {
    await openPairing(desk, cleo)
    code = await typed().innerText()
    must(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/.test(code), `no code of eight characters: ${code}`)
    must(/^(5:00|4:\d\d)$/.test(await dialog.getByTestId('countdown').innerText()), 'the code is not valid for 5:00')
    await focusIs(page, (e) => e?.closest('dialog:modal'), 'something in the dialog')
    must(await desk.qr(), 'no picture')
    await desk.look('S18 pairing dialog')
  })

  await world.step('J2.7 after 5:01 the code is dead, and there is a new one', async () => {
    await world.advance(5 * minutes + 1000)
    await dialog.getByText('Code expired').first().waitFor()
    await desk.look('S18 code expired')
    const old = code
    // The sign-in is more than five minutes ago by now, so the password is asked for again.
    await world.meant([{ status: 403, call: /^POST \/v1\/pairings$/ }], async () => {
      await dialog.getByRole('button', { name: 'New code', exact: true }).click()
      const again = desk.dialog('Enter your password')
      await again.waitFor()
      await desk.look('S18 password again')
      await world.meant([{ status: 422, call: /^POST \/v1\/session\/verify$/ }], async () => {
        await again.getByLabel('Password').fill('not my password at all')
        await again.getByRole('button', { name: 'Continue', exact: true }).click()
        await again.getByText('That password is not right.').waitFor()
      })
      await again.getByLabel('Password').fill(cleo.password)
      await again.getByRole('button', { name: 'Continue', exact: true }).click()
      await typed().waitFor()
    })
    code = await typed().innerText()
    must(code !== old, 'the new code is the old one')
    await world.meant([{ status: 404, call: /resolve$/ }, { status: 410, call: /resolve$/ }], async () => {
      await phone.goto('/#pair/code')
      await phone.page.getByLabel('Pairing code').fill(old)
      await phone.button('Continue').click()
      await phone.page.getByText(/^(That code is not right\. Check it on your computer\.|Code expired\. Press New code on your computer\.)$/).waitFor()
      await phone.look('M2 old code')
    })
  })

  await world.step('J2.2 on an iPhone the Home Screen comes first', async () => {
    link = await desk.qr()
    await iphone.goto(link)
    await iphone.heading('Add Countersign to your Home Screen').waitFor()
    for (const step of ["Tap Share in the browser's toolbar.", 'Choose Add to Home Screen.', 'Open Countersign from the Home Screen.']) await iphone.page.getByText(step).waitFor()
    same(iphone.asked, 0, 'permissions asked for before that')
    same((await storage(iphone.page)).keys.length, 0, 'keys made before that')
    await iphone.look('M1 iPhone')
    await iphone.context.close()
  })

  await world.step('J2.3 the camera is refused, the code is typed', async () => {
    await phone.goto('/#pair')
    await phone.heading('Pair this phone').waitFor()
    await phone.look('M2 choose')
    await phone.page.evaluate(() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')) })
    await phone.button('Scan the code').click()
    await phone.page.getByText(/^The camera was not allowed\./).waitFor()
    await phone.look('M2 camera refused')
    await phone.button('Type the code instead').click()
    await phone.heading('Type the code').waitFor()
    await phone.look('M2 type')
    const sloppy = code.toLowerCase().replace('-', ' ').replace(/0/g, 'o').replace(/1/g, 'l')
    await phone.page.getByLabel('Pairing code').focus()
    await phone.page.keyboard.insertText(sloppy) // as a paste does
    await phone.button('Continue').click()
    await phone.page.getByText('Acme').waitFor()
    await phone.page.getByText(cleo.name).waitFor()
    await claim(phone, cleo.phone)
  })

  await world.step('J2.6 a third browser comes too late', () => world.meant([{ status: 404, call: /resolve$/ }, { status: 409, call: /claim$/ }], async () => {
    await third.goto('/#pair/code')
    await third.page.getByLabel('Pairing code').fill(code)
    await third.button('Continue').click()
    await third.page.getByText('That code is not right. Check it on your computer.').waitFor()
    await followLink(third, link)
    await third.button('Pair').click()
    await third.page.getByText('This code was already used. Make a new one on your computer.').waitFor()
    await third.look('M2 used code')
    await third.context.close()
  }))

  await world.step('J2.4 six digits, They match, Paired on both', async () => {
    await dialog.getByText(`Phone found: ${cleo.phone}.`).waitFor()
    await compare(desk, phone)
    await desk.look('S18 paired')
    cleo.codes = await keepCodes(desk)
    await focused(desk.button('Pair your phone'), 'Pair your phone, again')
  })

  await world.step('J2.5 notifications', async () => {
    await notifications(phone)
    const row = page.getByRole('listitem').filter({ hasText: cleo.phone })
    await row.getByText('Active', { exact: true }).waitFor()
    await page.reload()
    await row.getByText(/^Notifications: Working · last delivered /).waitFor()
    same(await textOf(row.locator('p').first()), `${cleo.phone} Active`, 'the row of the phone')
    const { keys } = await storage(phone.page)
    same(keys.sort().join(), 'private false,private false,public true,public true', 'the keys of the phone')
    await desk.look('S18 devices')
  })
  world.figures.note('J2', world.lived() - began)
}

/** Twenty phones are the most that anybody may have. */
export async function tooManyPhones(world, person) {
  const { desk } = person
  const { page } = desk
  await world.step('J2.8 the twenty-first phone', () => world.meant([{ status: 403, call: /^POST \/v1\/pairings$/ }, { status: 409, call: /^POST \/v1\/pairings$/ }], async () => {
    await world.control.ask('spare-devices', { email: person.email, least: 19 })
    await desk.goto('/profile')
    await page.getByText('20 of 20', { exact: true }).waitFor()
    await desk.button('Pair your phone').click()
    const again = desk.dialog('Enter your password')
    const refused = page.getByText('20 of 20 devices. Remove one first.')
    await again.or(refused).first().waitFor()
    if (await again.isVisible()) {
      await again.getByLabel('Password').fill(person.password)
      await again.getByRole('button', { name: 'Continue', exact: true }).click()
    }
    await refused.waitFor()
    await desk.look('S18 twenty phones')
    await page.keyboard.press('Escape')
    await desk.dialog('Pair your phone').waitFor({ state: 'hidden' })
  }))
}

/** Later, when a push service has taken a push for the phone: the row says so. */
export async function notificationsWork(world, person) {
  await world.step('J2.5 the row of a phone that was reached', async () => {
    await person.desk.goto('/profile')
    await person.desk.page.getByRole('listitem').filter({ hasText: person.phone }).getByText(/^Notifications: Working · last delivered /).waitFor()
    await person.desk.look('S18 notifications work')
  })
}
