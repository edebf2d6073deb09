// Single sign-on with OpenID Connect, against npm oidc-provider: set up and tested by the Owner, used by somebody whom the directory brought,
// through a renaming, new keys, a provider that is down, enforcing, signing out, and being turned off.
import { must, same } from './kit/check.mjs'
import { IdentityProvider } from './kit/provider.mjs'

const user = 'urn:ietf:params:scim:schemas:core:2.0:User'
const patchOp = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const subject = 'b1f3-gina' // what the provider calls her for ever
const turnedOff = 'Your organization has turned off your access. Ask your IT team.'

/** One call of the directory; its status has to be `want`. */
async function scim(world, method, path, body, want) {
  const answer = await world.control.ask('scim', { method, path, body })
  same(answer.status, want, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

const change = (world, id, operations) => scim(world, 'PATCH', `/Users/${id}`, { schemas: [patchOp], Operations: operations }, 200)

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

/** From the workspace's sign-in page to the provider's and back. */
async function comeIn(desk, provider, user) {
  await desk.goto('/w/acme')
  await desk.button('Continue with Acme Login').click()
  await IdentityProvider.signIn(desk.page, user)
}

export async function sso(world, { ana, ben, gina }) {
  const provider = await IdentityProvider.start(world.told.console)
  try {
    provider.accounts.set('ana-at-acme', { preferred_username: 'ana@acme.test', name: 'Ana Kovač' })
    provider.accounts.set(subject, { preferred_username: 'gina@acme.test', name: 'Gina Rossi' })
    await world.meant([{ status: 403, call: /^(PUT|POST|DELETE) \/v1\/identity-provider/ }], async () => { // a fresh sign-in is asked for
      await setUp(world, provider, ana)
      const id = await firstSignIn(world, provider, ana, gina)
      await renamed(world, provider, ana, gina, id)
      await newcomer(world, provider, ana)
      await rolledAndDown(world, provider, ana)
      await enforced(world, ana, ben)
      await signOutThere(world, provider, gina)
      await turnedOffByTheDirectory(world, provider, ana, gina, id)
      await takenAway(world, ana)
    })
  } finally {
    provider.stop()
  }
}

/** F23, S4: the Owner sets it up, tries it, and turns it on. */
async function setUp(world, provider, ana) {
  const { desk } = ana
  const { page } = desk
  await world.step('SSO.1 the Owner sets up OpenID Connect', async () => {
    await desk.signIn(ana)
    await desk.goto('/settings/workspace/idp')
    await desk.button('Set up single sign-on').click()
    const preset = page.getByLabel('Identity provider', { exact: true })
    for (const name of ['Microsoft Entra ID', 'Okta', 'OpenID Connect']) {
      await preset.selectOption({ label: name })
      same(await page.getByLabel('Name on the sign-in page').inputValue(), name, 'the proposed name')
      await desk.look(`S4 single sign-on with ${name}`)
    }
    await page.getByLabel('Name on the sign-in page').fill('Acme Login')
    await page.getByLabel('Issuer').fill(provider.issuer)
    await page.getByLabel('Client ID').fill(provider.clientID)
    await page.getByLabel('Client secret').fill(provider.secret)
    await freshly(desk, ana, desk.button('Save'), page.getByText('Test the sign-in before you turn it on.'))
    must(!(await desk.button('Turn on').isVisible()), 'what was never tested can be turned on')
    await desk.look('S4 single sign-on not tested')
  })
  await world.step('SSO.2 a test sign-in, then on', async () => {
    await freshly(desk, ana, desk.button('Test sign-in'), desk.heading('Acme Login'))
    await IdentityProvider.signIn(page, 'ana-at-acme')
    await page.getByText('The test went well. Turn it on when you are ready.').waitFor()
    await page.getByText('Signed in as ana@acme.test').waitFor()
    await desk.look('S4 single sign-on tested')
    await freshly(desk, ana, desk.button('Turn on'), page.getByText('The sign-in page offers “Continue with Acme Login” beside password and passkey.'))
    await desk.look('S4 single sign-on is on')
  })
}

/** Somebody whom the directory brought signs in for the first time. */
async function firstSignIn(world, provider, ana, gina) {
  return world.step('SSO.3 the directory brings Gina, and she signs in at the provider', async () => {
    const { id } = await scim(world, 'POST', '/Users', { schemas: [user], userName: 'gina@acme.test', externalId: 'gina-17', displayName: 'Gina Rossi', active: true, emails: [{ value: 'gina@acme.test', primary: true }] }, 201)
    const desk = (gina.office = await world.desk('Gina at the office'))
    await desk.goto('/w/acme')
    await desk.button('Continue with Acme Login').waitFor()
    await desk.look('S1 sign in with every method')
    await comeIn(desk, provider, subject)
    await desk.heading('All Members').waitFor()
    await desk.goto('/profile')
    await desk.page.getByText('with single sign-on').first().waitFor()
    await desk.look('S18 signed in with single sign-on')
    await lookUp(ana.desk, gina)
    await ana.desk.page.getByText(subject).waitFor()
    must(!(await ana.desk.page.getByText('which differs from their userName').isVisible()), 'a mismatch where there is none')
    await ana.desk.look('S15 member of the directory')
    return id
  })
}

async function lookUp(desk, person) {
  await desk.goto('/members')
  await desk.page.getByRole('link', { name: person.name }).click()
  await desk.heading(person.name).waitFor()
  await desk.page.getByRole('heading', { name: 'Identifiers', level: 2 }).waitFor()
}

/** the directory renames between cycles; the provider follows later. The subject holds. */
async function renamed(world, provider, ana, gina, id) {
  await world.step('SSO.4 the directory renames Gina; her account at the provider is the same', async () => {
    await change(world, id, [{ op: 'Replace', path: 'userName', value: 'gina.rossi@acme.test' }])
    const desk = await world.desk('Gina renamed')
    await comeIn(desk, provider, subject)
    await desk.heading('All Members').waitFor()
    await lookUp(ana.desk, gina)
    await ana.desk.page.getByText('which differs from their userName').waitFor()
    await ana.desk.look('S15 member who was renamed')
    provider.accounts.set(subject, { preferred_username: 'gina.rossi@acme.test', name: 'Gina Rossi' })
    await desk.context.clearCookies()
    await comeIn(desk, provider, subject)
    await desk.heading('All Members').waitFor()
    await lookUp(ana.desk, gina)
    await ana.desk.page.getByText('Linked').first().waitFor()
    must(!(await ana.desk.page.getByText('which differs from their userName').isVisible()), 'the mismatch is still shown')
    await desk.context.close()
    world.desks.splice(world.desks.indexOf(desk), 1)
  })
}

/** Somebody whom neither the directory nor an admin has added: refused, until the Owner lets newcomers in. */
async function newcomer(world, provider, ana) {
  const { page } = ana.desk
  provider.accounts.set('noa-at-acme', { preferred_username: 'noa@acme.test', name: 'Noa Just' })
  const desk = await world.desk('Noa')
  await world.step('SSO.4b nobody has added Noa: she is refused', async () => {
    await comeIn(desk, provider, 'noa-at-acme')
    await desk.page.getByText('Your organization has not added you to this workspace. Ask your IT team.').waitFor()
    await desk.look('S1 nobody has added you')
  })
  await world.step('SSO.4c people are added when they first sign in', async () => {
    await ana.desk.goto('/settings/workspace/idp')
    await page.getByRole('button', { name: 'Edit', exact: true }).first().click()
    await page.getByRole('checkbox', { name: /^Add people when they first sign in/ }).check()
    await freshly(ana.desk, ana, ana.desk.button('Save'), ana.desk.button('Test sign-in'))
    await page.getByText('The sign-in page offers “Continue with Acme Login” beside password and passkey.').waitFor() // it needs no new test
    await desk.goto('/w/acme')
    await desk.button('Continue with Acme Login').click() // the provider knows her by now
    await desk.heading('All Members').waitFor()
    await desk.page.getByRole('button', { name: 'Hi there Noa!', exact: true }).waitFor()
    await lookUp(ana.desk, { name: 'Noa Just' })
    await page.getByText('noa-at-acme').waitFor()
    await ana.desk.look('S15 member who came by single sign-on')
  })
  await desk.context.close()
  world.desks.splice(world.desks.indexOf(desk), 1)
}

/** New keys are taken, a provider that is down is said to be, and the other methods go on. */
async function rolledAndDown(world, provider, ana) {
  const desk = await world.desk('Gina on a bad day')
  await world.step('SSO.5 the provider has a new key', async () => {
    provider.roll()
    await comeIn(desk, provider, subject)
    await desk.heading('All Members').waitFor()
  })
  await world.step('SSO.6 the provider is down', async () => {
    await desk.context.clearCookies()
    await provider.down((path) => path === '/token', async () => {
      await comeIn(desk, provider, subject)
      await desk.page.getByText('The identity provider does not answer. Try again, or sign in another way.').waitFor()
      await desk.look('S1 the provider does not answer')
    })
    await desk.page.getByLabel('E-mail').fill(ana.email)
    await desk.page.getByLabel('Password').fill(ana.password)
    await desk.button('Sign in').click()
    await desk.heading('All Members').waitFor()
  })
  await world.step('SSO.6b the provider is wholly away: nobody is sent to a page that never comes', () => world.meant([{ status: 503, call: /^POST \/v1\/workspaces\/acme\/sso$/ }], async () => {
    await desk.context.clearCookies()
    await provider.down(() => true, async () => {
      await desk.goto('/w/acme')
      await desk.button('Continue with Acme Login').click()
      await desk.page.getByText('The identity provider does not answer. Try again, or sign in another way.').waitFor()
      await desk.button('Go to Acme Login anyway').waitFor()
      same(new URL(desk.page.url()).pathname, '/w/acme', 'the page that stays')
      await desk.look('S1 the provider is away')
    })
    await desk.button('Go to Acme Login anyway').click() // it is back
    await IdentityProvider.signIn(desk.page, subject)
    await desk.heading('All Members').waitFor()
  }))
  await desk.context.close()
  world.desks.splice(world.desks.indexOf(desk), 1)
}

/** For people of a proven domain the provider is the only way in; the Owner keeps theirs. */
async function enforced(world, ana, ben) {
  const { page } = ana.desk
  await world.step('SSO.7 the domain is proven by DNS, and single sign-on enforced', () => world.meant([{ status: 409, call: /^POST \/v1\/identity-provider\/domains\/acme\.test\/prove$/ }], async () => {
    await ana.desk.goto('/settings/workspace/idp')
    await page.getByLabel('Domain', { exact: true }).fill('acme.test')
    await freshly(ana.desk, ana, ana.desk.button('Add domain'), page.getByText('Not proven yet'))
    await freshly(ana.desk, ana, ana.desk.button('Check DNS'), page.getByText(/DNS does not have the record yet/))
    await ana.desk.look('S4 a domain that is not proven')
    await world.control.ask('dns', { name: await page.getByLabel('Name of the TXT record', { exact: true }).inputValue(), text: await page.getByLabel('Value', { exact: true }).inputValue() })
    await freshly(ana.desk, ana, ana.desk.button('Check DNS'), page.getByText('Proven', { exact: true }))
    await freshly(ana.desk, ana, ana.desk.button('Enforce single sign-on'), page.getByText('People of your domains sign in with Acme Login alone. The Owner keeps password and passkey.'))
    await ana.desk.look('S4 single sign-on enforced')
  }))
  await world.step('SSO.8 a password opens nothing any more, except the Owner\'s', () => world.meant([{ status: 403, call: /^POST \/v1\/session$/ }], async () => {
    const desk = await world.desk('somebody at the door')
    await desk.goto('/w/acme')
    await desk.page.getByLabel('E-mail').fill(ben.email)
    await desk.page.getByLabel('Password').fill(ben.password)
    await desk.button('Sign in').click()
    await desk.page.getByText('Your organization asks you to sign in with its identity provider.').waitFor()
    await desk.look('S1 single sign-on required')
    await desk.signIn(ana)
    await desk.context.close()
    world.desks.splice(world.desks.indexOf(desk), 1)
    await freshly(ana.desk, ana, ana.desk.button('Stop enforcing'), ana.desk.button('Enforce single sign-on'))
  }))
}

/** RP-initiated sign-out: the provider asks, and afterwards knows nobody. */
async function signOutThere(world, provider, gina) {
  const { office: desk } = gina
  const { page } = desk
  await world.step('SSO.9 out here and at the provider', async () => {
    await desk.goto('/members')
    await page.getByRole('button', { name: `Hi there ${gina.first}!`, exact: true }).click()
    await page.getByRole('menuitem', { name: 'Sign out here and at Acme Login' }).waitFor()
    await desk.look('S2 account menu with the provider')
    await world.meant([{ status: 401, call: /^GET \/v1\// }], async () => { // the page that is being left may ask once more
      await page.getByRole('menuitem', { name: 'Sign out here and at Acme Login' }).click()
      await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    })
    await page.getByText('You are signed out here and at your identity provider.').waitFor()
    await desk.look('S1 signed out everywhere')
    await comeIn(desk, provider, subject) // it asks who she is again
    await desk.heading('All Members').waitFor()
  })
}

/** J11.1, J11.2, J11.4: the directory turns Gina off while she has a page open. */
async function turnedOffByTheDirectory(world, provider, ana, gina, id) {
  const { office: desk } = gina
  await world.step('J11.1 the directory turns Gina off, and her open page says so', () => world.meant([{ status: 401, call: /^GET \/v1\// }], async () => {
    const began = performance.now()
    await change(world, id, [{ op: 'Replace', path: 'active', value: 'False' }])
    await desk.dialog('Your session has ended').getByText(turnedOff).waitFor()
    world.figures.note('open page after deactivation', performance.now() - began)
    await desk.look('S1 access turned off under an open page')
    await desk.goto('/w/acme')
  }))
  await world.step('J11.4 Gina tries single sign-on while she is turned off', async () => {
    const people = async () => (await scim(world, 'GET', '/Users?count=0', undefined, 200)).totalResults
    const before = await people()
    await desk.button('Continue with Acme Login').click() // the provider still knows her
    await desk.page.getByText(turnedOff).waitFor()
    await desk.look('S1 turned off by the directory')
    same(await people(), before, 'people after she tried')
    await lookUp(ana.desk, gina)
    await ana.desk.page.getByText(/^Deactivated by/).waitFor()
    await ana.desk.look('S15 member who was turned off')
  })
  await world.step('J11.3 she comes back as the same person', async () => {
    await change(world, id, [{ op: 'replace', value: { active: true } }])
    await comeInAgain(desk)
    await desk.heading('All Members').waitFor()
  })
}

async function comeInAgain(desk) {
  await desk.goto('/w/acme')
  await desk.button('Continue with Acme Login').click()
}

/** The workspace is as it was before, for the journeys after this one. */
async function takenAway(world, ana) {
  await world.step('SSO.10 single sign-on is removed', async () => {
    await ana.desk.goto('/settings/workspace/idp')
    await ana.desk.button('Remove').click()
    const dialog = ana.desk.dialog('Remove single sign-on?')
    await dialog.waitFor()
    await ana.desk.look('S4 remove single sign-on')
    await freshly(ana.desk, ana, dialog.getByRole('button', { name: 'Remove', exact: true }), ana.desk.button('Set up single sign-on'))
  })
}
