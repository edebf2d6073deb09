// J8: Entra ID is set up by the guide. The identity provider's own page is this file: it pastes, tests, and sends.
import { confirmed, Provider } from './kit/idp.mjs'
import { must, same, textOf, until } from './kit/check.mjs'

/** The state of a step as the list says it. */
const step = (page, title) => page.getByRole('listitem').filter({ has: page.getByRole('button', { name: new RegExp(`^\\d*\\s*${title}`) }) })

export async function j8(world, person) {
  const { desk, mobile: phone } = person
  const { page } = desk
  const began = world.lived()
  await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
  await phone.lock()
  let token = ''
  let idp

  await world.step('J8.1 the steps for Entra ID', async () => {
    await desk.goto('/settings/workspace/idp')
    await page.getByRole('link', { name: 'Set up your IdP', exact: true }).first().click()
    await desk.heading('Set up your IdP').waitFor()
    await page.getByRole('link', { name: 'Entra ID', exact: true }).click()
    await page.getByRole('heading', { name: 'Add the application', level: 2 }).waitFor()
    await desk.look('S9 Entra ID, first step')
    await page.getByRole('button', { name: /Admin Credentials/ }).click()
    await page.getByRole('heading', { name: 'Admin Credentials', level: 2 }).waitFor()
    same(await page.getByRole('textbox', { name: 'Tenant URL' }).inputValue(), `${world.told.console}/v1/scim/v2`, 'the tenant URL')
    same(await page.getByText('Done', { exact: true }).count(), 0, 'ticks before any call with this token')
  })

  await world.step('J8.2 View Token inside the guide', async () => {
    await desk.button('View Token').click()
    await confirmed(desk, phone)
    await desk.showToken.waitFor()
    token = await desk.token()
    must(/^cs_scim_[0-9A-Za-z]{49}$/.test(token), 'no token is shown')
    await page.keyboard.press('Escape')
    await desk.showToken.waitFor({ state: 'hidden' })
    idp = new Provider(world, token)
  })

  await world.step('J8.4 pasted with quotes: refused, and the row names the mistake', async () => {
    idp.authorization = `Bearer "${token}"`
    same(await idp.test(), 401, 'the token in quotes')
    idp.authorization = `Bearer ${token}`
    await page.getByRole('button', { name: /Add the application/ }).click()
    await page.getByText('without quotes').waitFor()
    await desk.look('S9 a call was refused')
  })

  await world.step('J8.3 Test Connection ticks itself', async () => {
    await page.getByRole('button', { name: /^\d*\s*Test Connection/ }).click()
    same(await idp.test(), 200, 'Test Connection')
    const answered = performance.now()
    await until(async () => /Done \d\d:\d\d/.test(await textOf(step(page, 'Test Connection'))), 'the tick at Test Connection')
    world.figures.note('SCIM call → tick', performance.now() - answered)
    await until(async () => (await page.getByText(/^Done \d\d:\d\d$/).count()) === 4, 'four ticks after Test Connection')
    await world.picture(page, 'console-guide')
    await desk.look('S9 Test Connection done')
  })

  await world.step('J8.4 a slash at the end, and Bearer pasted with the token, are taken as they are meant', async () => {
    same((await idp.call('GET', '/ServiceProviderConfig/')).status, 200, 'with a slash at the end')
    idp.authorization = `Bearer Bearer ${token}`
    same(await idp.test(), 200, 'with Bearer twice')
    idp.authorization = `Bearer ${token}`
  })

  await world.step('J8.5 the attributes of the tutorial', async () => {
    await page.getByRole('button', { name: /Mappings: users/ }).click()
    for (const name of ['userName', 'emails[type eq "work"].value', 'active', 'name.givenName', 'name.familyName', 'externalId']) await page.getByRole('rowheader', { name, exact: true }).waitFor()
    await desk.look('S9 mappings')
  })

  await world.step('J8.6 the first person', async () => {
    await page.getByRole('button', { name: /Provisioning Status On/ }).click()
    await idp.person('Iva', 'Babić')
    const answered = performance.now()
    await page.getByText('created Iva Babić').waitFor()
    world.figures.note('SCIM call → tick', performance.now() - answered)
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'All Members' }).click()
    const row = page.getByRole('row').filter({ hasText: 'Iva Babić' })
    await row.getByText('Entra ID', { exact: true }).waitFor()
  })

  await world.step('J8.7 leave and come back: the same step, the ticks kept', async () => {
    await desk.goto('/settings/directory/setup')
    await page.getByRole('heading', { name: 'Provisioning Status On', level: 2 }).waitFor()
    await until(async () => /Done/.test(await textOf(step(page, 'Test Connection'))), 'the kept tick')
  })

  await world.step('J8.8 Okta, and others', async () => {
    await page.getByRole('link', { name: 'Okta', exact: true }).click()
    await page.getByRole('heading', { level: 2, name: /Push Groups|Provisioning → Integration|To App/ }).first().waitFor()
    await page.getByRole('button', { name: /Provisioning → Integration/ }).click()
    same(await page.getByRole('textbox', { name: 'Unique identifier field for users' }).inputValue(), 'userName', 'the identifier')
    await desk.look('S9 Okta')
    await page.getByRole('link', { name: 'Other', exact: true }).click()
    await page.getByRole('button', { name: /Base URL/ }).click()
    await page.getByRole('heading', { name: 'Base URL', level: 2 }).waitFor()
  })
  world.figures.note('J8', world.lived() - began)
  return idp
}
