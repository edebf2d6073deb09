// J4: deny. The dialog says so and stays; nothing is sent again by itself; the next request asks for the code.
import { itsMe, woken } from './j3.mjs'
import { must, same, textOf, until } from './kit/check.mjs'

export async function j4(world, person) {
  const { desk, mobile: phone } = person
  const { page } = desk
  const sent = async () => (await world.control.ask('requests', { address: phone.subscription.endpoint })).count
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
    const again = desk.waiting.getByRole('button', { name: /^Try again/ })
    same(await again.getAttribute('aria-disabled'), 'true', 'Try again at once')
    must(/^Try again \(\d+ s\)$/.test(await textOf(again)), `Try again does not say how long: ${await textOf(again)}`)
    await again.click({ force: true })
    await desk.context.clock.runFor(20_000)
    same(await again.getAttribute('aria-disabled'), 'true', 'Try again after 20 seconds')
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
