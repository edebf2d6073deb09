// J6: the phone is lost. Three ways back: a recovery code, a colleague who compares words, the operator's link. Each ends in pairing a new
// phone and none shows a token before.
import { people } from './j1.mjs'
import { itsMe, woken } from './j3.mjs'
import { focusIs, must, same, textOf, until } from './kit/check.mjs'
import { pairByLink } from './kit/pairing.mjs'

const minutes = 60_000
const title = "I can't use my phone"

/** What is said to a screen reader on the page. */
const announced = (desk, words) => until(async () => (await desk.page.locator('[role=status].sr-only, [role=alert].sr-only').allTextContents()).some((said) => said.includes(words)), `"${words}" to be announced`)

/** Runs what may want the password again, and gives it when it is asked for before `there` is. */
async function withPassword(desk, person, press, there) {
  await press()
  const asked = desk.dialog('Enter your password')
  await asked.or(there).first().waitFor()
  if (!(await asked.isVisible())) return
  await desk.look('S20 password again')
  await asked.getByLabel('Password').fill(person.password)
  await asked.getByRole('button', { name: 'Continue', exact: true }).click()
  await asked.waitFor({ state: 'hidden' })
}

const reauthentication = { status: 403, call: /^POST \/v1\/(recovery|pairings|session\/recover)/ }

/** What stands above the forms is there, so that nothing moves under a click any more. */
const settled = (desk) => desk.page.getByText('You have no passkey.').waitFor()

/** Pairs a new phone with the permission that the page shows; the one lost before says that it was removed. */
async function pairNew(world, person, lost) {
  const { desk } = person
  const granted = desk.page.getByRole('heading', { name: 'Pair a new phone within 1 hour' })
  await granted.waitFor()
  await desk.look('S20 pair a new phone')
  const dialog = desk.dialog('Pair your phone')
  await withPassword(desk, person, () => desk.button('Pair your phone').click(), dialog)
  await dialog.waitFor()
  const phone = await world.phone(`${person.first}, anew`)
  await pairByLink(desk, phone, person)
  await dialog.getByRole('button', { name: 'Done', exact: true }).click()
  await dialog.waitFor({ state: 'hidden' })
  await desk.page.getByRole('heading', { name: 'Another of my devices' }).waitFor()
  same(await desk.dialog('Recovery codes').count(), 0, 'new codes where nine are left')
  person.mobile = phone
  await world.meant([{ status: 401, call: /^[A-Z]+ \/v1\/device/ }], async () => {
    await lost.goto('/')
    await lost.page.getByText('This phone was removed from Acme.').waitFor()
    await lost.look('M4 removed')
    await lost.lock()
  })
}

/** Opens the page of the ways back as somebody does before whose dialog a request waits that no phone will answer. */
async function lose(world, person) {
  const { desk, mobile: phone } = person
  await phone.lock()
  await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
  await desk.goto('/settings/workspace/idp')
  await desk.viewToken()
  await desk.says(`We sent a request to ${person.phone}`)
  await desk.waiting.getByRole('link', { name: title }).click()
  await desk.heading(title).waitFor()
  same(new URL(desk.page.url()).pathname, '/recovery', 'the address')
  return phone
}

async function byCode(world, person) {
  const { desk } = person
  const { page } = desk
  const [code] = person.codes
  const field = page.getByLabel('One of your recovery codes')
  const use = () => desk.button('Use this code').click()
  let lost
  await world.step("J6A.1 I can't use my phone, a recovery code", () => world.meant([reauthentication, { status: 422, call: /codes\/use$/ }], async () => {
    lost = await lose(world, person)
    await page.getByText(person.phone).waitFor()
    await settled(desk)
    await desk.look('S20 ways back')
    const wrong = page.getByText('That is not one of your unused recovery codes. 9 tries left.')
    await field.fill('AAAAA-AAAAA')
    await withPassword(desk, person, use, wrong)
    await wrong.waitFor()
    await desk.look('S20 wrong code')
    await field.fill(code.toLowerCase())
    await use()
    await announced(desk, 'Pair a new phone within 1 hour')
    await focusIs(page, (e) => e?.textContent === 'Pair a new phone within 1 hour', 'the heading')
  }))
  await world.step('J6A.2 the new phone', () => world.meant([reauthentication], () => pairNew(world, person, lost)))
  await world.step('J6A.3 the used code again; 9 of 10 left; all admins are told', () => world.meant([reauthentication, { status: 422, call: /codes\/use$/ }], async () => {
    await settled(desk)
    await field.fill(code)
    const refused = page.getByText('That is not one of your unused recovery codes.')
    await withPassword(desk, person, use, refused)
    await refused.waitFor()
    await desk.goto('/profile')
    await page.getByText('9 of 10 left').waitFor()
    await desk.look('S18 a phone after a recovery')
    for (const admin of [people.ana, people.cleo]) {
      await admin.desk.goto('/notices')
      await admin.desk.page.getByText(`A recovery code of ${person.name} was used. 9 of 10 left.`).waitFor()
      await admin.desk.page.getByText(`${person.name} paired ${person.phone} after a recovery.`).waitFor()
    }
    await people.ana.desk.look('S21 notices of a recovery')
  }))
  await world.step('J6A.4 ten wrong codes pause recovery and nothing else', () => world.meant([reauthentication, { status: 422, call: /codes\/use$/ }, { status: 429, call: /codes\/use$/ }], async () => {
    await desk.goto('/recovery')
    await settled(desk)
    const paused = page.getByText('Too many wrong recovery codes.')
    const wrong = page.getByText('That is not one of your unused recovery codes.')
    for (let tries = 0; !(await paused.isVisible()); tries++) {
      must(tries < 12, 'recovery by code does not pause')
      await field.fill(`AAAAA-AAAA${tries % 10}`)
      const answer = page.waitForResponse((r) => /codes\/use$/.test(r.url()) && r.status() !== 403)
      await withPassword(desk, person, use, paused.or(wrong).first())
      await answer
      await until(async () => !(await page.locator('[aria-busy=true]').count()), 'the answer')
    }
    await desk.look('S20 paused')
    await people.cleo.desk.goto('/notices')
    await people.cleo.desk.page.getByText(`Too many wrong recovery codes for ${person.name}.`).waitFor()
    await view(world, person)
  }))
}

/** The token by the new phone; with the code when the service wants it. */
async function view(world, person) {
  const { desk, mobile: phone } = person
  await phone.lock()
  await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
  await desk.goto('/settings/workspace/idp')
  await desk.viewToken()
  await desk.says(`We sent a request to ${person.phone}`)
  const code = (await desk.page.getByTestId('match-code').count()) > 0 ? await desk.code() : ''
  await woken(world, phone)
  if (code) await phone.page.getByLabel('Type the six digits shown on your computer').fill(code)
  await itsMe(desk, phone)
  must(/^cs_scim_/.test(await desk.token()), 'no token')
  await desk.page.keyboard.press('Escape')
  await desk.showToken.waitFor({ state: 'hidden' })
  await phone.lock()
}

/** Asks Cleo and gives the three words. */
async function ask(desk, person, helper) {
  const { page } = desk
  await settled(desk)
  await page.getByLabel('Whom do you ask?').selectOption({ label: helper.name })
  await page.getByLabel('What happened').fill('It fell into the sea')
  const waiting = page.getByRole('heading', { name: `Waiting for ${helper.name}` })
  await withPassword(desk, person, () => page.getByRole('button', { name: /^Ask( anew)?$/ }).click(), waiting)
  await waiting.waitFor()
  const words = await textOf(page.locator('p[translate=no][lang=en]'))
  must(/^[a-z]+ [a-z]+ [a-z]+$/.test(words), `no three words: ${words}`)
  return words
}

async function byColleague(world, person, helper) {
  const { desk } = person
  const { page } = desk
  const there = helper.desk.page
  let words
  let lost
  await world.step('J6B.1 another admin: who can be asked, and the three words', () => world.meant([reauthentication], async () => {
    lost = await lose(world, person)
    const options = page.getByLabel('Whom do you ask?').locator('option')
    await options.filter({ hasText: helper.name }).waitFor({ state: 'attached' })
    const can = await options.allInnerTexts()
    same(can.sort().join(), [people.ana.name, helper.name].sort().join(), 'whom an Admin may ask: nobody like them, and not themselves')
    words = await ask(desk, person, helper)
    await desk.look('S20 three words')
  }))
  await world.step('J6B.2 wrong words are refused, and both are told', () => world.meant([{ status: 409, call: /compare$/ }], async () => {
    await helper.desk.goto('/recovery/help')
    await there.getByText('It fell into the sea').waitFor()
    await helper.desk.look('S20 a colleague asks')
    const choices = await there.getByRole('radio').evaluateAll((all) => all.map((one) => one.value))
    same(choices.length, 3, 'choices')
    must(choices.includes(words), 'the words are not among the choices')
    await there.getByText(choices.find((c) => c !== words), { exact: true }).click()
    await helper.desk.button('These words, confirm on my phone').click()
    await there.getByText('Those are not the words.').or(there.getByText('Nobody asks you now')).first().waitFor()
    await page.getByText(`${helper.name} picked other words, so the request was refused.`).waitFor()
    for (const one of [helper, person]) {
      await one.desk.goto('/notices')
      await one.desk.page.getByText(`${helper.name} heard other words than ${person.name} was shown.`).first().waitFor()
    }
  }))
  await world.step("J6B.3 the right words and It's me!", () => world.meant([reauthentication], async () => {
    await desk.goto('/recovery')
    words = await ask(desk, person, helper)
    await helper.mobile.lock()
    await helper.desk.goto('/recovery/help')
    await there.getByText(words, { exact: true }).click()
    await helper.desk.button('These words, confirm on my phone').click()
    const code = await helper.desk.code()
    const { mobile: phone } = helper
    await phone.goto('/')
    await phone.heading('Confirmation Request').waitFor()
    await phone.page.getByText(words).waitFor()
    await phone.page.getByText(`Let ${person.name} pair a new phone`).first().waitFor()
    await phone.look('M12 approval for a colleague')
    await phone.page.getByRole('textbox').fill(code)
    await phone.page.getByRole('button', { name: /^It's me! Approve/ }).click()
    await there.getByText(`Approved. ${person.name} may pair one new phone within an hour.`).first().waitFor()
    await phone.heading('Confirmed. Go back to your computer.').waitFor()
    await phone.lock()
  }))
  await world.step('J6B.4 the new phone; the old one cannot answer any more', () => world.meant([reauthentication], () => pairNew(world, person, lost)))
  await world.step('J6B.5 an Admin cannot approve for the Owner, nobody for themselves', async () => {
    await people.ana.desk.goto('/recovery')
    const options = people.ana.desk.page.getByLabel('Whom do you ask?').locator('option')
    await options.filter({ hasText: helper.name }).waitFor({ state: 'attached' })
    const can = await options.allInnerTexts()
    same(can.join(), helper.name, 'whom the Owner may ask')
  })
}

/** Nobody answers for a day. Everybody's session ends meanwhile, so it is the last thing of a run. */
export async function unanswered(world, person, helper) {
  const { desk } = person
  await world.step('J6B.6 unanswered for 24 hours', () => world.meant([reauthentication], async () => {
    await desk.goto('/recovery')
    await ask(desk, person, helper)
    await world.days(24 * 60 * minutes + minutes)
    for (const one of [person, helper]) await one.desk.signIn(one)
    await desk.goto('/recovery')
    await desk.page.getByRole('heading', { name: 'Ask another admin' }).waitFor()
    same(await desk.page.getByRole('heading', { name: `Waiting for ${helper.name}` }).count(), 0, 'a request that waits after a day')
    await helper.desk.goto('/recovery/help')
    await helper.desk.page.getByText('Nobody asks you now').waitFor()
  }))
}

async function byOperator(world, person) {
  const { desk } = person
  const { page } = desk
  const link = async () => (await world.control.ask('recover', { workspace: 'acme', email: person.email })).url
  await world.step("J6C the operator's link, dead after ten minutes", () => world.meant([reauthentication, { status: 410, call: /session\/recover$/ }], async () => {
    const old = await link()
    await world.advance(11 * minutes)
    await page.goto(old)
    await desk.heading('Pair a new phone').waitFor()
    const ended = page.getByText('This recovery link has ended or is for somebody else.')
    await withPassword(desk, person, () => desk.button('Use this link').click(), ended)
    await ended.waitFor()
    await desk.look('S20 a link that has ended')
  }))
  const lost = person.mobile
  await world.step("J6C the operator's link within ten minutes", () => world.meant([reauthentication, { status: 401, call: /^[A-Z]+ \/v1\/device/ }], async () => {
    await lost.lock()
    await page.goto('about:blank') // the same page with another fragment would not be loaded anew
    await page.goto(await link())
    await page.getByText(`Signed in as ${person.name}.`).waitFor()
    same(new URL(page.url()).hash, '', 'the secret of the link is still in the address')
    await desk.look('S20 the operator’s link')
    const picture = page.getByRole('img', { name: /Pairing code as picture/ })
    await withPassword(desk, person, () => desk.button('Use this link').click(), picture)
    const phone = await world.phone(`${person.first}, by the operator`)
    await pairByLink(desk, phone, person)
    person.mobile = phone
    await desk.button('Done').click()
    await page.getByText(person.phone).first().waitFor()
    await lost.goto('/')
    await lost.page.getByText('This phone was removed from Acme.').waitFor()
    await lost.lock()
    await people.ana.desk.goto('/notices')
    await people.ana.desk.page.getByText(`The operator's recovery link for ${person.name} was used.`).waitFor()
  }))
}

export async function j6(world, person, helper) {
  await byCode(world, person)
  await byColleague(world, person, helper)
  await byOperator(world, person)
}
