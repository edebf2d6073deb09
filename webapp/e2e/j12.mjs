// J12: the auditor exports. What was done in the journeys before is found, opened, exported in three forms, and checked offline; one changed
// byte is named.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must, same, until } from './kit/check.mjs'
import { confirmed } from './kit/idp.mjs'

const day = 24 * 3600_000

/** Chooses a kind of events. The field says so when the page has drawn it; before that a second filter would take the first one away. */
async function choose(page, label, value) {
  const kind = page.getByLabel('Kind')
  await kind.selectOption({ label })
  await until(async () => (await kind.inputValue()) === value && new URL(page.url()).searchParams.get('kind') === value, `the filter ${label}`)
}

export async function j12(world, person, outsider) {
  const { desk } = person
  const { page } = desk
  const began = world.lived()
  await world.step('J12.1 the activity of the quarter, by kind', async () => {
    await desk.goto('/members')
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Activity', exact: true }).click()
    await desk.heading('Activity').waitFor()
    await page.getByRole('table').waitFor()
    await world.picture(page, 'console-activity')
    await desk.look('S17 activity')
    await choose(page, 'SCIM tokens', 'tokens')
    await page.getByRole('cell', { name: `${person.name} viewed the SCIM token.` }).first().waitFor()
    await page.getByLabel('From day').fill(new Date(Date.now() + world.ahead - 90 * day).toISOString().slice(0, 10))
    await page.waitForURL(/kind=tokens.*from=/)
    await page.reload() // the filters are in the address; what was there before the filter is gone for certain
    await page.getByRole('cell', { name: `${person.name} viewed the SCIM token.` }).first().waitFor()
    same(await page.getByRole('cell', { name: /signed in\.$/ }).count(), 0, 'sign-ins under the filter for tokens')
    await desk.look('S17 filtered')
  })
  await world.step('J12.1 one event, with its seal', async () => {
    await page.getByRole('button', { name: `${person.name} viewed the SCIM token.` }).first().click()
    const event = desk.dialog('Event')
    await event.getByText('Sealed', { exact: true }).waitFor()
    await event.getByText(/^sha256:[0-9a-f]{64}$/).waitFor()
    await desk.look('S17 one event')
    await page.keyboard.press('Escape')
    await event.waitFor({ state: 'hidden' })
  })
  await world.step('J12 nothing is found, and the way back', async () => {
    await page.getByLabel('Search').fill('nothing is called like this')
    await page.getByText('No event matches').waitFor()
    await desk.look('S17 nothing found')
    await page.getByRole('button', { name: 'Clear filters' }).click()
    await page.getByRole('table').waitFor()
  })
  const csv = await world.step('J12.2 a spreadsheet', async () => {
    await choose(page, 'SCIM tokens', 'tokens')
    await desk.button('Export…').click()
    await desk.look('S17 export')
    const text = (await saved(world, desk, 'Download CSV', 'activity.csv')).toString('utf8')
    must(text.startsWith('\uFEFFTime (UTC),Event,'), 'the head of the spreadsheet')
    must(text.includes(',token.viewed,') && !text.includes(',session.started,'), 'the spreadsheet holds something else than the filter chose')
    const cells = text.slice(1).split(/\r\n/).flatMap((line) => line.split(','))
    same(cells.filter((cell) => /^"?[=+\-@\t]/.test(cell)).length, 0, 'cells that are formulas')
    await page.getByText('The link works for 24 hours.', { exact: false }).waitFor()
    return text
  })
  const lines = await world.step('J12.2 lines of JSON', async () => {
    const text = (await saved(world, desk, 'Download JSONL', 'activity.jsonl')).toString('utf8')
    for (const line of text.trim().split('\n')) must(JSON.parse(line).event.startsWith('token.') || JSON.parse(line).event.startsWith('reveals.'), 'an event of another kind')
    return text
  })
  await world.step('J12.3 and 4: a signed export is checked on another machine', async () => {
    const began = performance.now()
    const file = await saved(world, desk, 'Download signed export', 'activity.zip')
    world.figures.note('signed export', performance.now() - began)
    const good = await world.control.ask('verify', { path: join(world.folder, 'activity.zip') })
    must(good.code === 0 && /^OK, \d+ events, chain unbroken/m.test(good.said), `the verifier says: ${good.said}`)
    const at = file.indexOf('token.viewed')
    must(at > 0, 'the signed export tells of no token that was viewed')
    file[at] ^= 1
    await writeFile(join(world.folder, 'changed.zip'), file)
    const bad = await world.control.ask('verify', { path: join(world.folder, 'changed.zip') })
    must(bad.code === 1 && /BROKEN: event \d+ \(evt_/.test(bad.said), `the verifier says: ${bad.said}`)
    await page.keyboard.press('Escape')
    for (const [where, text] of [['the CSV', csv], ['the JSONL', lines], ['the signed export', file.toString('latin1')]]) await desk.tell(where, text)
  })
  await world.step('J12 the exports are events themselves', async () => {
    await page.getByLabel('Kind').selectOption({ label: 'Activity and exports' })
    await page.getByRole('cell', { name: `${person.name} downloaded an export of the activity (signed).` }).first().waitFor()
    await page.getByRole('cell', { name: 'Sealed' }).first().waitFor()
  })
  await auditorsLink(world, person)
  await world.step('J12 not for everybody', async () => {
    const other = outsider.desk
    await other.goto('/members')
    await other.heading('All Members').waitFor()
    same(await other.page.getByRole('link', { name: 'Activity', exact: true }).count(), 0, 'the way to the activity for a User')
    await other.goto('/activity')
    await other.page.getByText('role to see the activity').waitFor()
    await other.look('S17 forbidden')
  })
  world.figures.note('J12', world.lived() - began)
}

/** A link that is confirmed on the phone, shown once, reads the activity and the log, and nothing else, until it is revoked. */
async function auditorsLink(world, { desk, mobile, name }) {
  const links = desk.dialog('Links for auditors')
  const open = async () => {
    await desk.goto('/activity')
    await desk.button('Auditor link…').click()
    await links.waitFor()
  }
  const address = await world.step('J12.5 a link for an auditor from outside', async () => {
    await open()
    await links.getByText('There is no link now.').waitFor()
    await links.getByLabel('Who is it for?').fill('Example Audit')
    await desk.look('S17 links for auditors')
    await links.getByRole('button', { name: 'Make the link', exact: true }).click()
    await confirmed(desk, mobile)
    const shown = desk.dialog("The auditor's link")
    const value = await shown.getByRole('textbox', { name: 'Link' }).inputValue()
    must(/\/w\/acme\/auditor#cs_key_[0-9A-Za-z]{49}\.\d{10}$/.test(value), 'no link is shown')
    await desk.look("S17 the auditor's link once")
    await shown.getByRole('button', { name: 'Done', exact: true }).click()
    return value
  })
  await world.step('J12.5 the auditor reads and does nothing else', async () => {
    const auditor = await world.desk('the auditor')
    const { page } = auditor
    await page.goto(address)
    await auditor.heading('Activity').waitFor()
    must(!page.url().includes('cs_key_'), 'the secret stays in the address')
    const other = page.getByRole('cell', { name: 'downloaded an export of the activity' }).first()
    await other.waitFor()
    await choose(page, 'SCIM tokens', 'tokens')
    await other.waitFor({ state: 'hidden' }) // until the answer comes the rows are those of before
    await page.getByRole('button', { name: `${name} viewed the SCIM token.` }).first().click()
    await auditor.dialog('Event').getByText('Sealed', { exact: true }).waitFor()
    await auditor.look('S17 the auditor, one event')
    await page.keyboard.press('Escape')
    await auditor.look('S17 the auditor')
    for (const word of ['Settings', 'All Members', 'Teams']) same(await page.getByRole('link', { name: word, exact: true }).count(), 0, `the way to ${word}`)
    await page.getByRole('link', { name: 'Provisioning log', exact: true }).click()
    await auditor.heading('Provisioning log').waitFor()
    await page.getByRole('table').getByRole('button').first().click()
    await auditor.dialog('Call').locator('code').first().waitFor()
    await auditor.look('S17 the auditor, one call')
    await page.keyboard.press('Escape')
    await auditor.look('S17 the auditor, the log')
    await page.reload() // the tab has the link still
    await page.getByRole('table').waitFor()
    await auditor.goto('/settings/workspace/idp')
    await page.waitForURL(/\/signin/)
    await open()
    await links.getByText('last used').waitFor()
    await desk.look('S17 a link that was used')
    await links.getByRole('button', { name: 'Revoke the link of Example Audit', exact: true }).click()
    await links.getByText('There is no link now.').waitFor()
    await desk.page.keyboard.press('Escape')
    await world.meant([{ status: 401, call: /^GET \/v1\/activity/ }], async () => {
      await page.goto(address)
      await auditor.heading('This link does not work any more').waitFor()
      await auditor.look('S17 a link that is over')
    })
    await world.leave(auditor)
  })
}

/** Presses a button of the export dialog and keeps what the browser downloads. */
async function saved(world, desk, name, as) {
  const [download] = await Promise.all([desk.page.waitForEvent('download', { timeout: 60_000 }), desk.button(name).click()])
  const file = join(world.folder, as)
  await download.saveAs(file)
  return readFile(file)
}
