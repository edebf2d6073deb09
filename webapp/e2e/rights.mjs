// What gives somebody, or something, a right: an API key, the ownership, and a passkey in place of the phone.
import { must, same } from './kit/check.mjs'
import { confirmed } from './kit/idp.mjs'

export async function rights(world, { ana, cleo }) {
  await apiKey(world, ana)
  await transfer(world, ana, cleo)
  await transfer(world, cleo, ana)
  await passkeyInThePhonesPlace(world, ana)
}

/** Made under a confirmation, shown once, good for its scopes alone, and over when it is revoked. */
async function apiKey(world, { desk, mobile: phone }) {
  const { page } = desk
  const call = (key, method, path) => fetch(world.told.console + path, { method, headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: method === 'POST' ? '{"action":"scim.token.reveal"}' : undefined }).then((r) => r.status)
  await world.step('rights: an API key', async () => {
    await desk.goto('/settings/workspace/developer')
    await desk.button('Make an API key').click()
    const dialog = desk.dialog('Make an API key')
    await dialog.getByLabel('Name').fill('Nightly report')
    await dialog.getByRole('checkbox').first().check()
    await desk.look('developer, make an API key')
    await dialog.getByRole('button', { name: 'Continue', exact: true }).click()
    await confirmed(desk, phone)
    const shown = desk.dialog('Your API key')
    const key = await shown.getByRole('textbox', { name: 'API key' }).inputValue()
    must(/^cs_key_[0-9A-Za-z]{49}$/.test(key), 'no key is shown')
    await desk.look('developer, the API key once')
    await shown.getByRole('button', { name: 'Done', exact: true }).click()
    same(await call(key, 'GET', '/v1/people'), 200, 'reading people with it')
    same(await call(key, 'POST', '/v1/confirmations'), 403, 'asking for the SCIM token with it')
    await page.reload()
    await page.getByTestId('api-key').getByText('last used').waitFor()
    must(!(await page.content()).includes(key), 'the page holds the key')
    await desk.look('developer, one API key')
    await desk.button('Revoke Nightly report').click()
    await desk.dialog('Revoke API key?').getByRole('button', { name: 'Revoke', exact: true }).click()
    await page.getByTestId('api-key').getByText('Revoked').waitFor()
    same(await call(key, 'GET', '/v1/people'), 401, 'reading people when it is revoked')
  })
}

/** The Owner offers, the other one accepts, each on their own phone. */
async function transfer(world, from, to) {
  await world.step(`rights: ${from.first} gives the ownership to ${to.first}`, () => world.meant([{ status: 403, call: /^POST \/v1\/ownership/ }], async () => {
    const { desk } = from
    await desk.goto('/members')
    await desk.page.getByRole('link', { name: to.name }).click()
    await desk.heading(to.name).waitFor()
    await desk.button('Transfer ownership…').click()
    await desk.look('ownership, offer it')
    await desk.dialog('Transfer ownership…').getByRole('button', { name: 'Continue', exact: true }).click()
    const asked = desk.dialog('Enter your password')
    await asked.or(desk.waiting).first().waitFor()
    if (await asked.isVisible()) {
      await asked.getByLabel('Password').fill(from.password)
      await asked.getByRole('button', { name: 'Continue', exact: true }).click()
    }
    await confirmed(desk, from.mobile)
    await desk.goto('/members')
    await desk.button('Take the offer back').waitFor()
    await desk.look('ownership, offered')
    await to.desk.goto('/members')
    await to.desk.button('Become the Owner').waitFor()
    await to.desk.look('ownership, an offer to me')
    await to.desk.button('Become the Owner').click()
    await confirmed(to.desk, to.mobile)
    await to.desk.button('Become the Owner').waitFor({ state: 'detached' })
    await to.desk.goto('/profile')
    await to.desk.page.getByText('Owner', { exact: true }).first().waitFor()
  }))
}

/** Off by default; from a day after the passkey was added, which is in J1, the waiting dialog offers it. */
async function passkeyInThePhonesPlace(world, ana) {
  const { desk, mobile: phone } = ana
  const { page } = desk
  await world.step('rights: the policy lets a passkey stand for the phone', async () => {
    await desk.goto('/settings/workspace/security')
    await page.getByRole('checkbox', { name: /^A passkey may stand for the phone/ }).check()
    await desk.button('Save changes').first().click()
    await confirmed(desk, phone)
  })
  await world.step('rights: View Token with a passkey', () => world.meant([{ status: 401, call: /./ }], async () => {
    await world.advance(25 * 3600_000)
    await desk.signIn(ana)
    await desk.goto('/settings/workspace/idp')
    await desk.viewToken()
    await desk.button('Use a passkey instead').waitFor()
    await desk.look('S5 with a passkey')
    await desk.button('Use a passkey instead').click()
    await desk.showToken.waitFor()
    must(/^cs_scim_/.test(await desk.token()), 'no token is shown')
    await page.keyboard.press('Escape')
  }))
}
