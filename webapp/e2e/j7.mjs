// J7: regenerate the token with overlap. Entra ID's side is kit/idp.mjs, which goes on with the token that it has.
import { confirmed, Provider } from './kit/idp.mjs'
import { focusIs, focused, must, same, until } from './kit/check.mjs'

const minutes = 60_000
const title = 'Regenerate the SCIM API authentication token'

const hint = (token) => token.slice(-4)

/** Opens the dialog Regenerate and fills it; `then` sees it before it is sent. */
async function regenerate(desk, phone, { reason = 'Security', exposed = false, then } = {}) {
  await desk.button('Regenerate…').click()
  const dialog = desk.dialog(title)
  await dialog.waitFor()
  await dialog.getByLabel('Reason').selectOption({ label: reason })
  if (exposed) await dialog.getByLabel('The old token may be exposed').check()
  await then?.(dialog)
  await dialog.getByRole('button', { name: 'Regenerate', exact: true }).click()
  must((await desk.code()).length === 6, 'no six digits')
  await confirmed(desk, phone)
  await desk.showToken.waitFor()
  const token = await desk.token()
  must(/^cs_scim_[0-9A-Za-z]{49}$/.test(token), 'no token is shown')
  return token
}

async function close(desk) {
  await desk.page.keyboard.press('Escape')
  await desk.showToken.waitFor({ state: 'hidden' })
}

/** The section as it is now. */
async function section(desk) {
  await desk.goto('/settings/workspace/idp')
  await desk.button('View Token').waitFor()
  await desk.settled()
}

export async function j7(world, person) {
  const { desk, mobile: phone } = person
  const { page } = desk
  const card = page.getByRole('heading', { name: 'Two tokens are valid', level: 3 })
  const entra = new Provider(world, '')
  const uses = (token) => { entra.authorization = `Bearer ${token}` }
  const answers = async (token, status, what) => {
    uses(token)
    same(await entra.test(), status, what)
  }
  let [old, fresh] = ['', '']
  let machine = 0

  await world.step('J7: Entra ID has a token and calls', async () => {
    await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
    await phone.lock()
    await world.advance(16 * minutes)
    await section(desk)
    await desk.viewToken()
    await confirmed(desk, phone)
    await desk.showToken.waitFor()
    old = await desk.token()
    await close(desk)
    await answers(old, 200, 'the token that was there')
    await world.advance(16 * minutes)
    await section(desk)
  })

  await world.step('J7.1, 2 Regenerate, with the code on the phone, and the new token', async () => {
    await desk.button('Regenerate…').click()
    const dialog = desk.dialog(title)
    await dialog.waitFor()
    await focusIs(page, (e, t) => e.textContent === t, 'the title', title)
    same(await dialog.getByLabel('Old token stays valid for').inputValue(), '86400', 'the overlap that nobody has chosen')
    await desk.look('S7 regenerate')
    await dialog.getByRole('button', { name: 'Regenerate', exact: true }).click()
    await dialog.getByText('Choose why the token is regenerated.').waitFor()
    await desk.look('S7 without a reason')
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    await focused(desk.button('Regenerate…'), 'Regenerate…')
    const began = performance.now()
    fresh = await regenerate(desk, phone, { reason: 'Token expiration compliance' })
    machine += performance.now() - began
    must(fresh !== old, 'the token is the old one')
    await desk.showToken.getByLabel(/^Old token \(valid until \d+ \w+ \d{4}, \d\d:\d\d\)$/).waitFor()
    await desk.showToken.getByText('In Entra ID: Provisioning → Admin Credentials → Secret Token. Paste it.').waitFor()
    await desk.look('S7 the new token')
    await desk.showToken.getByRole('button', { name: 'Copy', exact: true }).first().click()
    await until(async () => (await desk.clipboard()) === fresh, 'the token on the clipboard')
    await close(desk)
  })

  await world.step('J7.3, 4 both work, and the old one is in use', async () => {
    await answers(fresh, 200, 'the new token')
    await answers(old, 200, 'the old token')
    await world.advance(3 * minutes)
    await section(desk)
    await card.waitFor()
    await page.getByText(/^Entra ID last used the old token [345] min ago — not safe to end yet\.$/).waitFor()
    same(await desk.button('Cancel regeneration').count(), 0, 'Cancel regeneration after the first use')
    await page.getByTestId('overlap-left').filter({ hasText: /^23:\d\d:\d\d$/ }).waitFor()
    await desk.look('S7 overlap, in use')
  })

  await world.step('J7.5 two cycles with the new one, then the overlap is ended', async () => {
    uses(fresh)
    for (let cycle = 0; cycle < 2; cycle++) {
      await world.advance(40 * minutes)
      same(await entra.test(), 200, 'a cycle')
    }
    await section(desk)
    await page.getByText(/^Safe to end: new token used \d+×, old unused for [89]\d min\.$/).waitFor()
    await desk.look('S7 overlap, safe')
    await desk.button('End overlap now').click()
    await confirmed(desk, phone)
    await card.waitFor({ state: 'hidden' })
    uses(old)
    const refused = await entra.call('GET', '/Users?count=1')
    same(refused.status, 401, 'the old token')
    must(/was replaced by another one/.test(refused.body.detail), `the answer says: ${refused.body.detail}`)
    await section(desk)
    await page.getByText(`sends the token …${hint(old)}, which was replaced and stopped on`).waitFor()
    await page.getByText('Restart provisioning. People who are here already are found again and skipped.').waitFor()
    await desk.look('S4 the old token is refused')
    await desk.goto('/settings/directory/log?result=rejected')
    await page.getByText(`sent the token (…${hint(old)}) that was replaced on`).first().waitFor()
    await answers(fresh, 200, 'the new token')
  })

  await world.step('J7: what is known of the token', async () => {
    await section(desk)
    await page.getByRole('button', { name: `Details of the token …${hint(fresh)}` }).click()
    const drawer = desk.dialog(`Token …${hint(fresh)}`)
    await drawer.getByRole('heading', { name: 'Views and copies' }).waitFor()
    await drawer.getByText('Token expiration compliance').waitFor()
    await drawer.getByText('Chrome on Windows').first().waitFor()
    await drawer.getByText('1×').first().waitFor()
    await drawer.getByText('127.0.0.1').first().waitFor()
    await desk.look('S8 token details')
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'hidden' })
  })

  await world.step('J7.6 a regeneration that is cancelled before its first use', async () => {
    await world.advance(16 * minutes)
    await section(desk)
    const taken = await regenerate(desk, phone)
    await close(desk)
    await desk.button('Cancel regeneration').waitFor()
    await desk.look('S7 overlap, not used yet')
    await desk.button('Cancel regeneration').click()
    await confirmed(desk, phone)
    await card.waitFor({ state: 'hidden' })
    await answers(taken, 401, 'the new token')
    await answers(fresh, 200, 'the old token')
  })

  await world.step('J7.7 exposed: the old ones stop at once', async () => {
    await world.advance(16 * minutes)
    await section(desk)
    const second = await regenerate(desk, phone)
    await close(desk)
    await section(desk)
    const began = performance.now()
    const third = await regenerate(desk, phone, { exposed: true, then: async (dialog) => {
      await dialog.getByText('A regeneration is already running.').waitFor()
      await desk.look('S7 exposed, while a regeneration runs')
    } })
    await close(desk)
    await answers(fresh, 401, 'the exposed token')
    await answers(second, 401, 'the token of the overlap')
    world.figures.note('exposed token stopped', performance.now() - began)
    await section(desk)
    await page.getByText('Entra ID sends the token').or(page.getByText('because it may be exposed')).first().waitFor()
    await desk.look('S4 exposed')
    await answers(third, 200, 'the newest token')
    await world.advance(16 * minutes)
  })
  world.figures.note('J7', machine)
}
