// Single sign-on with SAML, against npm samlp: set up and tested by the Owner, used by somebody whom the directory brought, and through a
// rollover of the certificates of both sides.
import { must, same } from './kit/check.mjs'
import { SAMLProvider } from './kit/saml-provider.mjs'

const upn = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn'
const refused = "The identity provider's answer was not accepted. Nothing was changed."
const over = 'This sign-in took too long or was finished already. Start again.'

/** Presses a button that may want a fresh sign-in first; `done` is there afterwards. */
async function freshly(desk, person, button, done) {
  await button.click()
  const asked = desk.dialog('Enter your password')
  await asked.or(done).first().waitFor()
  if (await asked.isVisible()) {
    await asked.getByLabel('Password').fill(person.password)
    await asked.getByRole('button', { name: 'Continue', exact: true }).click()
    await asked.waitFor({ state: 'hidden' })
  }
  await done.first().waitFor()
}

async function comeIn(desk, user) {
  await desk.goto('/w/acme')
  await desk.button('Continue with Acme SAML').click()
  await SAMLProvider.signIn(desk.page, user)
}

/** A desk for as long as `run` takes. */
async function at(world, name, run) {
  const desk = await world.desk(name)
  try {
    return await run(desk)
  } finally {
    await desk.context.close()
    world.desks.splice(world.desks.indexOf(desk), 1)
  }
}

export async function saml(world, { ana, emil }) {
  const provider = await SAMLProvider.start(world.control)
  try {
    provider.accounts.set('ana', { id: 'saml-ana', claims: { [upn]: 'ana@acme.test' } })
    provider.accounts.set('emil', { id: 'saml-emil', claims: { [upn]: 'emil@acme.test' } })
    await world.meant([{ status: 403, call: /^(PUT|POST|DELETE) \/v1\/identity-provider/ }], async () => { // a fresh sign-in is asked for when all this takes more than five minutes
      await setUp(world, provider, ana)
      await firstSignIn(world, ana, emil)
      await theirRollover(world, provider, ana)
      await ourRollover(world, provider, ana)
      await twice(world, provider)
      await takenAway(world, ana)
    })
  } finally {
    provider.stop()
  }
}

/** S4: the Owner gives both sides the other's metadata, tries it, and turns it on. */
async function setUp(world, provider, ana) {
  const { desk } = ana
  const { page } = desk
  await world.step('SAML.1 the Owner sets up SAML', async () => {
    await desk.signIn(ana)
    await desk.goto('/settings/workspace/idp')
    await desk.button('Set up single sign-on').click()
    await page.getByLabel('Protocol').selectOption({ label: 'SAML 2.0' })
    const preset = page.getByLabel('Identity provider', { exact: true })
    for (const name of ['Microsoft Entra ID', 'Okta', 'SAML']) {
      await preset.selectOption({ label: name })
      same(await page.getByLabel('Name on the sign-in page').inputValue(), name, 'the proposed name')
      await desk.look(`S4 SAML with ${name}`)
    }
    const download = page.getByRole('link', { name: "Download this console's metadata" })
    await freshly(desk, ana, desk.button('Make the signing certificate'), download)
    same(await provider.learn(new URL(await download.getAttribute('href'), world.told.console).href), 1, 'certificates in the metadata')
    same(await page.getByLabel('Address for answers (ACS)', { exact: true }).inputValue(), provider.acs, 'the address for answers')
    await page.getByLabel('Name on the sign-in page').fill('Acme SAML')
    await page.getByLabel('Attribute', { exact: true }).fill(upn)
    await page.getByLabel("The provider's metadata").selectOption({ label: 'From a file' })
    await page.getByLabel('Metadata', { exact: true }).fill('<html>not metadata</html>')
    await world.watch.meant([{ status: 400, call: /PUT .*identity-provider$/ }], async () => {
      await freshly(desk, ana, desk.button('Save'), page.getByText('it has to begin with EntityDescriptor'))
    })
    await desk.look('S4 SAML metadata that is none')
    await page.getByLabel("The provider's metadata").selectOption({ label: 'From an address' })
    await page.getByLabel('Metadata address', { exact: true }).fill(`${provider.url}/metadata`)
    await freshly(desk, ana, desk.button('Save'), page.getByText('Test the sign-in before you turn it on.'))
    must(!(await desk.button('Turn on').isVisible()), 'what was never tested can be turned on')
    await desk.look('S4 SAML not tested')
  })
  await world.step('SAML.2 a test sign-in, then on', async () => {
    await freshly(desk, ana, desk.button('Test sign-in'), page.getByRole('heading', { name: 'Acme SAML' }))
    await SAMLProvider.signIn(page, 'ana')
    await page.getByText('The test went well. Turn it on when you are ready.').waitFor()
    await page.getByText('Signed in as ana@acme.test').waitFor()
    await freshly(desk, ana, desk.button('Turn on'), page.getByText('The sign-in page offers “Continue with Acme SAML” beside password and passkey.'))
    await desk.look('S4 SAML is on')
  })
}

/** Somebody whom the directory brought signs in for the first time. */
async function firstSignIn(world, ana, emil) {
  await world.step('SAML.3 the directory brings Emil, and he signs in at the provider', async () => {
    const body = { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'emil@acme.test', externalId: 'emil-17', displayName: 'Emil Horvat', active: true }
    const made = await world.control.ask('scim', { method: 'POST', path: '/Users', body })
    same(made.status, 201, `the directory brings Emil: ${JSON.stringify(made.body)}`)
    await at(world, 'Emil with SAML', async (desk) => {
      await comeIn(desk, 'emil')
      await desk.heading('All Members').waitFor()
      await desk.page.getByRole('button', { name: `Hi there ${emil.first}!`, exact: true }).waitFor()
      await desk.goto('/profile')
      await desk.page.getByText('with single sign-on').waitFor()
    })
    const { desk } = ana
    await desk.goto('/members')
    await desk.page.getByRole('link', { name: emil.name }).click()
    await desk.heading(emil.name).waitFor()
    await desk.page.getByText('saml-emil').waitFor()
    await desk.look('S15 member linked by SAML')
  })
}

/** The provider changes its certificate: both are taken for a while, then the new one alone. */
async function theirRollover(world, provider, ana) {
  const { desk } = ana
  const { page } = desk
  const old = provider.signs
  const signIn = (name, done) => at(world, name, async (other) => {
    await comeIn(other, 'emil')
    await done(other)
  })
  const goesOn = (other) => other.heading('All Members').waitFor()
  const reread = async () => {
    await desk.goto('/settings/workspace/idp')
    await freshly(desk, ana, desk.button('Read again'), page.getByText('Metadata read'))
  }
  await world.step("SAML.4 the provider's certificate rolls over", async () => {
    const next = await provider.key(400)
    provider.keys = [old, next]
    await reread()
    await page.getByText(/^Expires /).nth(2).waitFor()
    same(await page.getByText(/^Expires /).count(), 3, 'certificates that are shown')
    await desk.look('S4 SAML with two certificates of the provider')
    await signIn('Emil, signed with the one', goesOn)
    provider.signs = next
    await signIn('Emil, signed with the other', goesOn)
    provider.keys = [next]
    await reread()
    await page.getByText(/^Expires /).nth(2).waitFor({ state: 'detached' })
    await signIn('Emil, after the rollover', goesOn)
  })
  await world.step('SAML.5 the certificate before is worth nothing any more', async () => {
    provider.signs = old
    await signIn('Emil, signed with the one before', async (other) => {
      await other.page.getByText(refused).waitFor()
      await other.look('S1 answer not accepted')
    })
    provider.signs = provider.keys[0]
  })
}

/** The console changes its own. */
async function ourRollover(world, provider, ana) {
  const { desk } = ana
  const { page } = desk
  await world.step("SAML.6 the console's own certificate rolls over", async () => {
    await desk.goto('/settings/workspace/idp')
    await freshly(desk, ana, desk.button('Make the next certificate'), desk.button('Use the next certificate'))
    await desk.look('S4 SAML with the next certificate')
    const metadata = `${world.told.console}/v1/workspaces/acme/saml/metadata`
    same(await provider.learn(metadata), 2, 'certificates in the metadata')
    await freshly(desk, ana, desk.button('Use the next certificate'), desk.button('Make the next certificate'))
    same(await provider.learn(metadata), 1, 'certificates in the metadata afterwards')
    await at(world, 'Emil, asked with the new key', async (other) => {
      await comeIn(other, 'emil')
      await other.heading('All Members').waitFor()
    })
  })
}

/** Login CSRF and replay, with a form that a browser had: nobody else can use it, and nobody twice. */
async function twice(world, provider) {
  await world.step('SAML.7 an answer that was used is posted again, in another browser', async () => {
    await at(world, 'somebody else', async (desk) => {
      await desk.goto('/w/acme')
      await desk.button('Continue with Acme SAML').click()
      await desk.page.getByRole('heading', { name: 'Acme SAML' }).waitFor()
      const form = provider.given.at(-1)
      await desk.page.evaluate(({ acs, form }) => {
        const f = Object.assign(document.createElement('form'), { method: 'post', action: acs })
        for (const [name, value] of Object.entries(form)) f.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }))
        document.body.append(f)
        f.submit()
      }, { acs: provider.acs, form })
      await desk.page.getByText(over).waitFor()
      await desk.look('S1 an answer that nobody waits for')
      must(!(await desk.heading('All Members').isVisible()), 'somebody else is signed in')
    })
  })
}

/** The workspace is as it was before, for the journeys after this one. */
async function takenAway(world, ana) {
  const { desk } = ana
  await world.step('SAML.8 single sign-on is removed', async () => {
    await desk.goto('/settings/workspace/idp')
    await desk.button('Test sign-in').waitFor()
    await desk.page.getByRole('button', { name: 'Remove', exact: true }).first().click()
    const dialog = desk.dialog('Remove single sign-on?')
    await freshly(desk, ana, dialog.getByRole('button', { name: 'Remove', exact: true }), desk.button('Set up single sign-on'))
  })
}
