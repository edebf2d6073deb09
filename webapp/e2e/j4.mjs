// J4: deny. The dialog says so and stays; nothing is sent again by itself; the next request asks for the code.
import { itsMe, woken } from './j3.mjs'
import { must, same, textOf, until } from './kit/check.mjs'

export async function j4(world, person) {
  const { desk, mobile: phone } = person
  const { page } = desk
  const sent = async () => (await world.control.ask('requests', { address: phone.subscription.endpoint })).count
  const again = desk.waiting.getByRole('button', { name: /^Try again/ })
  let before = 0
  let machine = 0

  await world.step('J4.1 the dialog waits', async () => {
    await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
    await phone.lock()
    await desk.goto('/settings/workspace/idp')
    before = await sent()
    await desk.viewToken()
    await desk.says(`We sent a request to ${person.phone}`)
  })

  await world.step("J4.2, 3 It's not me", async () => {
    await woken(world, phone)
    const began = performance.now()
    await phone.no.click()
    await page.getByRole('alert').filter({ hasText: new RegExp(`^Denied on ${person.phone} at \\d\\d:\\d\\d\\. Nothing was shown\\.$`) }).waitFor()
    world.figures.note('No → web', performance.now() - phone.tapped)
    machine += performance.now() - began
    same(await again.getAttribute('aria-disabled'), 'true', 'Try again at once') // for thirty seconds, of which a busy machine may need many
    must(/^Try again \(\d+ s\)$/.test(await textOf(again)), `Try again does not say how long: ${await textOf(again)}`)
    await again.click({ force: true })
    await phone.heading('Denied. Nothing was shown.').waitFor()
    await phone.page.getByRole('heading', { name: 'Was this you?' }).waitFor()
    await phone.look('M6 denied')
    await desk.look('S5 denied')
    await phone.button('I pressed it by mistake').click()
    await phone.page.getByText('You can ask again on your computer.').waitFor()
    await phone.look('M8 reported')
    same(await sent(), before + 1, 'pushes after a denial')
  })

  await world.step('J4.4 Try again after 30 seconds, with the code', async () => {
    await desk.context.clock.runFor(20_000)
    same(await desk.waiting.count(), 1, 'the dialog stays')
    same(await sent(), before + 1, 'pushes without having been asked for')
    await world.advance(11_000)
    await until(async () => (await again.getAttribute('aria-disabled')) !== 'true', 'Try again')
    await phone.lock()
    await again.click()
    const code = await desk.code()
    await desk.waiting.getByText('Type this code on your phone').waitFor()
    await desk.look('S5 waiting with a code')
    await woken(world, phone)
    same(await sent(), before + 2, 'pushes after Try again')
    must(await phone.yes.isDisabled(), "It's me! works without digits")
    const field = phone.page.getByLabel('Type the six digits shown on your computer')
    same(await field.getAttribute('inputmode'), 'numeric', 'the keyboard of the field')
    await world.meant([{ status: 422, call: /respond$/ }], async () => {
      await field.fill(code === '000000' ? '000001' : '000000')
      await phone.yes.click()
      await phone.page.getByText('That is not the code on your computer. 2 tries left.').waitFor()
      await phone.look('M7 wrong code')
    })
    await field.fill(code)
    await phone.look('M7 code typed')
    await itsMe(desk, phone)
    must(/^cs_scim_/.test(await desk.token()), 'no token')
    await page.keyboard.press('Escape')
    await desk.showToken.waitFor({ state: 'hidden' })
  })
  world.figures.note('J4', machine)
  await world.advance(16 * 60_000)
}

/** 5: somebody else asked. The session that asked ends, and everybody who has to know is told. */
export async function reported(world, person, admin) {
  const { desk, mobile: phone } = person
  const { page } = desk
  await world.step("J4.5 I don't know this request", () => world.meant([{ status: 401, call: /./ }, { console: /WebSocket/ }], async () => {
    await phone.lock()
    await desk.goto('/settings/workspace/idp')
    await desk.viewToken()
    await desk.says(`We sent a request to ${person.phone}`)
    await woken(world, phone)
    await phone.no.click()
    await phone.button("I don't know this request").click()
    await phone.page.getByText('The browser session that asked was ended', { exact: false }).waitFor()
    await phone.look("M8 I don't know this request")
    await phone.page.getByLabel('A note for your admins (optional)').fill('I was at lunch.')
    await phone.button('Send note').click()
    await phone.page.getByText('Your note was sent.').waitFor()
    await phone.look('M8 noted')
    await page.getByRole('alert').filter({ hasText: `Denied on ${person.phone} at ` }).waitFor() // the answer does not vanish with the session
    await desk.look('S5 denied and reported')
    const ended = desk.dialog('Your session has ended')
    // The next click; or the page has noticed by itself and asks already, over everything else.
    const next = page.getByRole('link', { name: 'All Members', exact: true, includeHidden: true }).first()
    if (!(await ended.isVisible())) {
      await page.evaluate(() => [...document.querySelectorAll('dialog[open] button')].find((b) => b.textContent === 'Close')?.click())
      await next.dispatchEvent('click')
    }
    await ended.waitFor()
    await ended.getByLabel('Password').fill(person.password)
    await ended.getByRole('button', { name: 'Sign in', exact: true }).click()
    await ended.waitFor({ state: 'hidden' })
    await phone.lock()
  }))
  await world.step('J4.5 the other admins and the activity', async () => {
    await admin.desk.goto('/notices')
    await admin.desk.page.getByText(`${person.name} did not know a request from Chrome on Windows`).first().waitFor()
    await admin.desk.look('S21 a request was reported')
    await admin.desk.goto('/activity')
    await admin.desk.page.getByRole('cell', { name: `${person.name} reported a request as not theirs.` }).first().waitFor()
    await admin.desk.page.getByRole('cell', { name: `${person.name} wrote about the reported request: “I was at lunch.”` }).first().waitFor()
  })
  await world.advance(16 * 60_000)
}

/** 6: a newer request takes the place of an older one, and there is an end to asking. */
export async function tooMany(world, person) {
  const { desk, mobile: phone } = person
  const { page } = desk
  const call = (path, body) => page.evaluate(([path, body]) => fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json', 'Countersign-Workspace': 'acme' }, body: JSON.stringify(body) })
    .then((r) => r.json()), [path, body])
  await world.step('J4.6 a newer request replaces an older one on the phone', () => world.meant([{ status: 409, call: /^GET \/v1\/device\/confirmations\// }], async () => {
    await phone.lock()
    await desk.goto('/settings/workspace/idp')
    await desk.viewToken()
    await desk.says(`We sent a request to ${person.phone}`)
    await woken(world, phone)
    const newer = await call('/v1/confirmations', { action: 'scim.token.regenerate', params: { reason: 'another tab' } })
    await world.control.ask('shown', { kind: 'code', text: newer.code })
    await desk.says('A newer request replaced this one.')
    await desk.look('S5 replaced')
    await phone.page.getByRole('alert').filter({ hasText: 'A newer request replaced this one.' }).waitFor()
    await phone.heading('Confirmation Request').waitFor()
    await phone.look('M5 the newer request')
    await call(`/v1/confirmations/${newer.id}/cancel`, {})
    await phone.lock()
  }))
  await world.step('J4.6 one request more than the limit', () => world.meant([{ status: 429, call: /^POST \/v1\/confirmations$/ }], async () => {
    await desk.goto('/settings/workspace/idp')
    for (let n = 2; n < 5; n++) {
      await desk.viewToken()
      await desk.says(`We sent a request to ${person.phone}`)
      await page.keyboard.press('Escape')
      await desk.waiting.waitFor({ state: 'hidden' })
    }
    await desk.viewToken()
    await desk.says(/^Too many requests\. Try again at \d\d:\d\d\.$/)
    await desk.look('S5 too many requests')
    await desk.waiting.getByRole('button', { name: 'Close', exact: true }).click()
  }))
  await world.advance(16 * 60_000)
}
