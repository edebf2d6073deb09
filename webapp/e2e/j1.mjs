// J1 as far as it is built: an empty service becomes a workspace with its Owner and a phone; then the Owner adds everybody else.
import { focused, must, same, textOf } from './kit/check.mjs'
import { finishCodes, pairByLink } from './kit/pairing.mjs'
import { addPasskey, authenticator, signOut } from './passkey.mjs'

const secret = 'correct horse battery staple'

const person = (name, role, phone) => {
  const first = name.split(' ')[0]
  return { name, first, role, email: `${first.toLowerCase()}@acme.test`, password: `${secret} ${first}`, phone: phone ?? `iPhone of ${first}` }
}

export const people = {
  ana: person('Ana Kovač', 'Owner'),
  cleo: person('Cleo Marin', 'Super Admin'),
  ben: person('Ben Novak', 'Admin'),
  dora: person('Dora Petri', 'User'),
  emil: person('Emil Horvat', 'Admin', 'Pixel of Emil'),
  finn: person('Finn Weber', 'Admin', 'iPhone of Finn'),
  gina: person('Gina Rossi', 'Admin', 'Tablet of Gina'),
}

/** From the printed code to the Owner's paired phone; the Owner signs in with a password, or with a passkey alone. */
export async function firstRun(world, way = 'password') {
  const { ana } = people
  const desk = (ana.desk = await world.desk(ana.first))
  const phone = (ana.mobile = await world.phone(ana.first))
  const { page } = desk
  await world.step('J1.1 the first visitor is sent to set-up', async () => {
    await desk.goto('/')
    await desk.heading('Set up your workspace').waitFor()
    same(new URL(page.url()).pathname, '/setup', 'the address')
    same(await textOf(page.locator('[aria-current=step]')), '1 Claim', 'the step')
    await desk.look('S0 claim')
  })
  await world.step('J1.2 a wrong set-up code, then the printed one', () => world.meant([{ status: 422, call: /^POST \/v1\/setup(\/passkey)?$/ }], async () => {
    await page.getByLabel('One-time set-up code').fill('AAAA-BBBB-CCCC-DDDD')
    await desk.button('Continue').click()
    await desk.heading('Workspace').waitFor()
    await page.getByLabel('Workspace name').fill('Acme')
    same(await page.getByLabel('Workspace address').inputValue(), 'acme', 'the proposed address')
    for (const passed of ['without https.', 'can sign for push services.', 'shows here at once.']) await page.getByRole('region', { name: 'Checks of this address' }).getByText(passed).waitFor()
    await desk.look('S0 workspace')
    await desk.button('Continue').click()
    await desk.heading('Owner').waitFor()
    await page.getByLabel('Name', { exact: true }).fill(ana.name)
    await page.getByLabel('E-mail').fill(ana.email)
    if (way === 'passkey') {
      await authenticator(desk)
      await page.getByRole('radio', { name: 'Passkey' }).check()
      must(!(await page.getByLabel('New password', { exact: true }).isVisible()), 'a password is asked for beside the passkey')
    } else {
      await page.getByLabel('New password', { exact: true }).fill(ana.password)
      await page.getByLabel('New password again').fill(ana.password)
    }
    await desk.look(way === 'passkey' ? 'S0 owner with a passkey' : 'S0 owner')
    await desk.button('Create workspace').click()
    await page.getByText('That code is not right. 4 tries left.').waitFor()
    await focused(page.getByLabel('One-time set-up code'), 'the wrong code')
    await desk.look('S0 wrong code')
    await page.getByLabel('One-time set-up code').fill((await world.control.ask('setup-code')).code)
    await desk.button('Create workspace').click()
    await desk.heading('Pair your phone').waitFor()
  }))
  await world.step('J1.5 the phone is paired in the same place', async () => {
    await page.reload() // J1.8: the same step
    await desk.heading('Pair your phone').waitFor()
    same(await textOf(page.locator('[aria-current=step]')), '4 Pair your phone', 'the step')
    await page.getByRole('img', { name: /Pairing code as picture/ }).waitFor()
    await desk.look('S0 phone')
    await pairByLink(desk, phone, ana)
    if (way === 'password') {
      await authenticator(desk) // J1.4: a passkey beside the password
      await addPasskey(desk, 'This computer')
    }
    await desk.look('S0 phone and passkey')
    await desk.button('Continue').click()
    await desk.heading('Save recovery codes').waitFor()
    await page.reload()
    await desk.heading('Save recovery codes').waitFor()
    await desk.look('S0 recovery codes')
    await desk.button('Make recovery codes').click()
    await finishCodes(desk)
    await page.getByRole('heading', { name: 'Directory Sync', level: 2 }).waitFor()
    await page.getByText('Phone ready').waitFor()
    await page.getByText('Waiting for first call', { exact: true }).waitFor()
    await desk.look('S4 waiting for the first call')
  })
  await world.step('J1.8 set-up is over', async () => {
    await desk.goto('/setup')
    await page.getByText('This workspace already has an owner').waitFor()
    await desk.look('S0 already set up')
  })
}

/** J1 with a passkey: it is the only way in, until the Owner sets a password as well. */
export async function onlyAPasskey(world) {
  const { ana } = people
  const { desk } = ana
  const { page } = desk
  await world.step('J1.9 the Owner comes back with the passkey, and sets a password beside it', async () => {
    await desk.goto('/members')
    await signOut(desk, ana)
    await desk.button('Sign in with a passkey').click()
    await desk.heading('All Members').waitFor()
    await page.getByRole('link', { name: ana.name }).click()
    await desk.heading(ana.name).waitFor()
    await desk.button('Make password link').click()
    const link = await desk.dialog('Password link').getByRole('textbox', { name: 'One-time link' }).inputValue()
    await page.goto(link)
    await page.getByLabel('New password', { exact: true }).fill(ana.password)
    await page.getByLabel('New password again').fill(ana.password)
    await desk.button('Set password').click()
    await desk.heading('Password set').waitFor()
    await desk.signIn(ana)
  })
}

/** The Owner adds people, and each sets a password with the link. */
export async function addPeople(world, who) {
  const { desk } = people.ana
  const { page } = desk
  await desk.goto('/members')
  await desk.heading('All Members').waitFor()
  for (const one of who) {
    await world.step(`people: ${one.name} is added`, async () => {
      await desk.button('Add person').click()
      const dialog = desk.dialog('Add person')
      await dialog.getByLabel('Name').fill(one.name)
      await dialog.getByLabel('E-mail').fill(one.email)
      await dialog.getByLabel('Workspace role').selectOption({ label: one.role })
      await desk.look('S14 add person')
      await dialog.getByRole('button', { name: 'Add person', exact: true }).click()
      const added = desk.dialog('Person added')
      one.link = await added.getByRole('textbox', { name: 'One-time link' }).inputValue()
      must(one.link.startsWith(`${world.told.console}/w/acme/set-password#`), 'the link is not for the set-password page')
      await desk.look('S14 person added')
      await added.getByRole('button', { name: 'Done', exact: true }).click()
      await page.getByRole('row').filter({ hasText: one.email }).waitFor()
    })
  }
  await world.step('people: the list', () => desk.look('S14 members'))
}

/** Opens the link in a browser that has never been here, sets the password, and signs in. */
export async function firstSignIn(world, one) {
  const desk = (one.desk = await world.desk(one.first))
  const { page } = desk
  await world.step(`people: ${one.name} sets a password and signs in`, async () => {
    await page.goto(one.link)
    await desk.heading('Set your password').waitFor()
    same(new URL(page.url()).hash, '', 'the secret of the link is still in the address')
    await page.getByLabel('New password', { exact: true }).fill(one.password)
    await page.getByLabel('New password again').fill(one.password)
    await desk.look('S1 set password')
    await desk.button('Set password').click()
    await desk.heading('Password set').waitFor()
    await desk.look('S1 password set')
    await page.getByRole('link', { name: 'Sign in' }).click()
    await desk.heading('Sign in to Acme').waitFor()
    await desk.look('S1 sign in')
    await page.getByLabel('E-mail').fill(one.email)
    await page.getByLabel('Password').fill(one.password)
    await desk.button('Sign in').click()
    await desk.heading('All Members').waitFor()
  })
}
