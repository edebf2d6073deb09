// J3 with a native phone, which is woken by its push service and by nothing else. The phone itself runs beside the service.
import { people } from './j1.mjs'
import { provision } from './j3.mjs'
import { must, same, textOf, until } from './kit/check.mjs'
import { keepCodes, openPairing } from './kit/pairing.mjs'

/** Whose phone is reached through what. */
export const natives = [['fcm', people.emil], ['apns', people.finn], ['webpush', people.gina]]

export async function native(world, kind, person) {
  const { desk } = person
  const { page } = desk
  await world.step(`J3 native, ${kind}: the phone is paired`, async () => {
    await openPairing(desk, person)
    const { sas } = await world.control.ask('native', { kind, name: person.phone, link: await desk.qr() })
    const digits = desk.page.getByTestId('match-code')
    await digits.waitFor()
    same((await textOf(digits)).replace(/\D/g, ''), sas, 'the digits of both screens')
    await desk.button('They match').click()
    await page.getByText('Phone paired.').first().waitFor() // its first answer was woken by a push, too
    await keepCodes(desk)
  })
  await world.step(`J3 native, ${kind}: It's me! on the phone`, async () => {
    await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
    await desk.configuration('left navigation', person.first)
    await desk.idpSettings(false)
    await desk.viewToken()
    const tap = await world.control.ask('tap', { name: person.phone })
    const shown = await until(() => desk.marks.get('Show Token'), 'Show Token')
    world.figures.note('tap → web', performance.timeOrigin + shown - tap.tapped_at)
    same(`${tap.act} ${tap.mode} ${tap.state}`, 'scim.token.reveal tap approved', 'the request on the phone')
    same(`${tap.ctx.workspace}, ${tap.ctx.person}, ${tap.ctx.browser} on ${tap.ctx.os}`, `Acme, ${person.name}, Chrome on Windows`, 'what the phone shows')
    const token = await desk.token()
    must(/^cs_scim_[0-9A-Za-z]{49}$/.test(token), 'no token is shown')
    await Promise.all([desk.showToken.getByText('Copied', { exact: true }).waitFor(), desk.showToken.getByRole('button', { name: 'Copy', exact: true }).first().click()])
    same(await desk.clipboard(), token, 'the clipboard')
    await provision(world, token)
    await page.keyboard.press('Escape')
    await desk.showToken.waitFor({ state: 'hidden' })
  })
}
