// Passkeys, with Chromium's virtual authenticator: made, named, used to sign in and to prove oneself once more, and removed.
import { must, same } from './kit/check.mjs'

/** A computer that can ask for a finger: every question is answered at once. */
export async function authenticator(desk) {
  const cdp = await desk.context.newCDPSession(desk.page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })
  return {
    credentials: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    /** Whether the finger is the right one. */
    verified: (isUserVerified) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
  }
}

/** Signs out, and goes to the workspace's sign-in page. */
export async function signOut(desk, person) {
  await desk.page.getByRole('button', { name: `Hi there ${person.first}!`, exact: true }).click()
  await desk.world.meant([{ status: 401, call: /^GET \/v1\// }], async () => { // the page that is being left may ask once more
    await desk.page.getByRole('menuitem', { name: 'Sign out', exact: true }).click()
    await desk.heading('Sign in').waitFor()
  })
  await desk.goto('/w/acme')
}

/** My Profile with what stands above the passkeys, so that nothing moves under a click any more. */
async function profile(desk) {
  await desk.goto('/profile')
  await desk.page.getByText(/^\d+ of 20$/).waitFor()
  await desk.page.getByText(/^\d+ of 10 left/).waitFor()
}

/** Adds a passkey where "Passkeys" is shown. */
export async function addPasskey(desk, name) {
  await desk.button('Add a passkey').click()
  const dialog = desk.dialog('Add a passkey')
  await dialog.getByLabel('Name').fill(name)
  await desk.look('S18 add a passkey')
  await dialog.getByRole('button', { name: 'Continue', exact: true }).click()
  await desk.page.getByText(name, { exact: true }).waitFor()
}

export async function passkey(world, ana) {
  const desk = await world.desk(`${ana.first} with a passkey`)
  const { page } = desk
  const key = await authenticator(desk)
  await world.step('passkey: added and named', async () => {
    await desk.signIn(ana)
    await profile(desk)
    await addPasskey(desk, 'Laptop')
    same((await key.credentials()).length, 1, 'passkeys of the computer')
    must((await key.credentials())[0].isResidentCredential, 'the passkey cannot be offered without a name')
    await desk.look('S18 passkeys')
  })
  await world.step('passkey: renamed', async () => {
    await desk.button('Rename Laptop').click()
    const dialog = desk.dialog('Rename passkey')
    await dialog.getByLabel('Name').fill('Laptop at work')
    await desk.look('S18 rename a passkey')
    await dialog.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('Laptop at work', { exact: true }).waitFor()
  })
  await world.step('passkey: it signs in', async () => {
    await signOut(desk, ana)
    await desk.button('Sign in with a passkey').click()
    await desk.heading('All Members').waitFor()
    await desk.goto('/profile')
    await page.getByText('with passkey').waitFor()
  })
  await world.step('passkey: a wrong finger opens nothing', async () => {
    await key.verified(false)
    await signOut(desk, ana)
    await desk.button('Sign in with a passkey').click()
    await page.getByText('No passkey was used. Try again when you are ready.').waitFor()
    await desk.look('S1 no passkey was used')
    await key.verified(true)
    await desk.button('Sign in with a passkey').click()
    await desk.heading('All Members').waitFor()
  })
  await world.step('passkey: it proves who is there, and is removed', () => world.meant([{ status: 403, call: /^DELETE \/v1\/passkeys\// }], async () => {
    await world.advance(6 * 60_000)
    await profile(desk)
    await desk.button('Remove the passkey Laptop at work').click()
    await desk.dialog('Remove passkey?').getByRole('button', { name: 'Remove', exact: true }).click()
    const asked = desk.dialog('Enter your password')
    await asked.getByRole('button', { name: 'Use a passkey' }).waitFor()
    await desk.look('S18 a fresh sign-in by passkey')
    await asked.getByRole('button', { name: 'Use a passkey' }).click()
    await page.getByText('Laptop at work', { exact: true }).waitFor({ state: 'hidden' })
  }))
  await world.step('passkey: once removed it opens nothing', () => world.meant([{ status: 401, call: /^POST \/v1\/session\/passkey$/ }], async () => {
    await signOut(desk, ana)
    await desk.button('Sign in with a passkey').click()
    await page.getByText('This passkey was not accepted.').waitFor()
    await desk.look('S1 a passkey that was removed')
  }))
  await desk.context.close()
  world.desks.splice(world.desks.indexOf(desk), 1)
}
