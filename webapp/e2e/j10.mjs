// J10: why is somebody not here? From the search that finds nobody to the cause, the colleague who sees the same list, and a replay.
import { focusIs, must, same, textOf, until } from './kit/check.mjs'

/** Below 700 px the filters are in a sheet, which is gone when the page is wide again: it is looked at while it is there. */
async function filterSheet(world, desk) {
  const { page } = desk
  const own = page.viewportSize()
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 })
    await page.getByRole('button', { name: 'Filters (1)', exact: true }).click()
    const sheet = desk.dialog('Filters')
    await sheet.getByLabel('Operation').waitFor()
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      await world.look.here(page, `S12 filters in a sheet, ${colorScheme}, ${width} px`)
    }
    await sheet.getByRole('button', { name: 'Done', exact: true }).click()
    await sheet.waitFor({ state: 'hidden' })
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize(own)
}

export async function j10(world, person, colleague, idp) {
  const { desk } = person
  const { page } = desk
  const began = world.lived()

  await world.step('J10.1 nobody is found; why is someone missing?', async () => {
    for (let i = 0; i < 2; i++) await idp.call('POST', '/Users', { userName: 'marko@acme.test', displayName: 'Marko Radić', active: 'perhaps' })
    await desk.goto('/members')
    await desk.heading('All Members').waitFor()
    const answered = performance.now()
    await page.getByLabel('Search name or e-mail').fill('marko')
    await page.getByText('Nobody found').waitFor()
    world.figures.note('filter of members', performance.now() - answered)
    await page.getByRole('link', { name: 'Why is someone missing?' }).last().click()
    await desk.heading('Why is this person not here?').waitFor()
    await page.getByLabel('E-mail address, user name or name').fill('marko@acme.test')
    await desk.button('Ask').click()
    await page.getByText(/tried 2 times, the last time on/).waitFor()
    await page.getByText('What to do', { exact: true }).waitFor()
    await desk.look('F67 refused')
  })

  await world.step('J10.3 an address that was never sent', async () => {
    await page.getByLabel('E-mail address, user name or name').fill('zora@acme.test')
    await desk.button('Ask').click()
    await page.getByText('Entra ID has never sent this person.').waitFor()
    await page.getByText(/group inside a group/).waitFor()
    await desk.look('F67 never sent')
  })

  await world.step('J10.2 the row: reason, masked request, code', async () => {
    await desk.goto('/settings/directory/log?q=marko&result=failed&last=24h')
    const row = page.locator('a[data-row]').first()
    await row.waitFor()
    await row.click()
    await page.getByRole('heading', { name: /could not create/, level: 2 }).waitFor()
    await page.getByText('DS-1203').first().waitFor()
    await focusIs(page, (e) => e.tagName === 'H2', 'the call')
    const request = page.getByRole('region', { name: 'Request', exact: true })
    must((await textOf(request)).includes('marko@acme.test'), 'the request is not shown')
    await world.picture(page, 'console-log')
    await desk.look('S12 call')
    await desk.button('Reveal raw request').click()
    await page.getByText('Request as it was sent', { exact: true }).waitFor()
    await focusIs(page, (e) => e?.tagName === 'DIV' && e.textContent.startsWith('Without passwords'), 'the raw request') // the button that had it is gone, and Esc is heard within the call alone
    await page.keyboard.press('Escape')
    await focusIs(page, (e) => e?.hasAttribute('data-row'), 'the row, again')
  })

  world.figures.note('J10', world.lived() - began)

  await world.step('J10.6 a colleague sees the same list, and may not see the raw request', async () => {
    const shared = page.url()
    must(/q=marko/.test(shared) && /result=failed/.test(shared) && /last=24h/.test(shared), `the filters are not in ${shared}`)
    const other = colleague.desk
    await other.goto(new URL(shared).pathname + new URL(shared).search)
    await other.page.locator('a[data-row]').first().waitFor()
    same(await textOf(other.page.locator('a[data-row]').first()), await textOf(page.locator('a[data-row]').first()), 'what the colleague sees')
    await other.page.locator('a[data-row]').first().click()
    await other.page.getByRole('heading', { name: /could not create/, level: 2 }).waitFor()
    same(await other.button('Reveal raw request').count(), 0, 'a raw request for an Admin')
  })

  await world.step('J10.5 the cause is mended; rehearse, then run', async () => {
    const nina = await idp.person('Nina', 'Perić')
    same((await idp.call('POST', '/Users', { userName: 'nina.perić@acme.test', displayName: 'Nina Perić', name: { givenName: 'Nina', familyName: 'Perić' }, active: true })).status, 409, 'the second Nina')
    await desk.goto('/settings/directory/log?q=nina&result=failed')
    await page.locator('a[data-row]').first().click()
    await desk.button('Replay…').click()
    await page.getByText('Rehearsed: it would be refused again. Nothing was changed.').waitFor()
    same(await desk.button('Run it now').count(), 0, 'a run that would be refused')
    await desk.button('Cancel').click()
    await idp.change(nina, [{ op: 'Replace', path: 'userName', value: 'nina.old@acme.test' }])
    await desk.button('Replay…').click()
    await page.getByText('Rehearsed: it would work now. Nothing was changed yet.').waitFor()
    await desk.look('S12 rehearsal')
    await desk.button('Run it now').click()
    await page.getByText('Done. The call was run again.').first().waitFor()
    await desk.dialog('Replay this call').getByRole('button', { name: 'Close', exact: true }).click()
    await page.getByText('Resolved', { exact: true }).first().waitFor()
    const again = await idp.call('GET', `/Users?filter=${encodeURIComponent('userName eq "nina.perić@acme.test"')}`)
    same(again.body.totalResults, 1, 'people whom the next try of the provider finds')
  })

  await world.step('J10.4 a local member has the name already: the conflict is resolved', async () => {
    await desk.goto('/members')
    await desk.button('Add person').click()
    const adding = desk.dialog('Add person')
    await adding.getByLabel('Name').fill('Marta Vuk')
    await adding.getByLabel('E-mail').fill('marta@acme.test')
    await adding.getByRole('button', { name: 'Add person', exact: true }).click()
    await desk.dialog('Person added').getByRole('button', { name: 'Done', exact: true }).click()
    const marta = await idp.person('Marta', 'Vuk')
    const rename = async () => (await idp.change(marta, [{ op: 'Replace', path: 'userName', value: 'marta@acme.test' }])).status
    same(await rename(), 409, 'a name that a local member has')
    await desk.goto('/settings/directory/log?q=marta&result=failed')
    await page.locator('a[data-row]').first().click()
    await desk.button('Resolve conflict').click()
    await page.getByText('Who has this userName already').waitFor()
    await page.getByRole('radio', { name: 'Merge' }).check()
    await page.getByText('Rehearsed: it would work now. Nothing was changed yet.').waitFor()
    await desk.look('S12 resolve conflict')
    await desk.button('Run it now').click()
    await page.getByText('Done. The call was run again.').first().waitFor()
    await desk.dialog('Resolve conflict').getByRole('button', { name: 'Close', exact: true }).click()
    await page.getByText('Resolved', { exact: true }).first().waitFor()
    same(await rename(), 200, 'the next try of the provider')
  })

  await world.step('J10.6 filters, keys and saved filters', async () => {
    await desk.goto('/settings/directory/log')
    await page.locator('a[data-row]').first().waitFor()
    await desk.look('S12 log')
    await page.keyboard.press('j')
    await focusIs(page, (e) => e?.hasAttribute('data-row'), 'a row, by the key j')
    await page.keyboard.press('/')
    await focusIs(page, (e) => e?.hasAttribute('data-log-search'), 'the search, by the key /')
    const asked = performance.now()
    await page.getByLabel('Result', { exact: true }).selectOption('failed')
    await until(async () => !(await page.locator('tbody').innerText()).includes('OK'), 'the filtered rows')
    world.figures.note('filter of the log', performance.now() - asked)
    await filterSheet(world, desk)
    await page.getByText('More filters', { exact: true }).click()
    await page.getByLabel('Save these filters as').fill('What failed')
    await desk.button('Save filters').click()
    await desk.button('What failed').waitFor()
    await page.getByRole('combobox', { name: 'Person', exact: true }).fill('person 1')
    await page.getByRole('listbox').getByRole('option').first().waitFor()
    await desk.look('S12 filters')
    await page.getByRole('combobox', { name: 'Person', exact: true }).fill('person 1') // on a phone the filters are in a sheet, so looking at them there has let go of what was typed
    await page.getByRole('listbox').getByRole('option').first().waitFor()
    await page.getByRole('combobox', { name: 'Person', exact: true }).press('Enter')
    await until(() => new URL(page.url()).searchParams.get('person'), 'the person in the address')
    await page.getByText('No call fits these filters').waitFor()
    await desk.button('Clear filters').first().click()
    await page.locator('a[data-row]').first().waitFor()
  })

  await world.step('J10 the log is live', async () => {
    await page.mouse.move(0, 0)
    await page.evaluate(() => document.activeElement?.blur())
    const answered = performance.now()
    await idp.person('Lana', 'Live')
    await page.locator('a[data-row]').filter({ hasText: 'Lana Live' }).waitFor()
    world.figures.note('SCIM call → log row', performance.now() - answered)
  })

  await world.step('J10 mapping, with its preview', async () => {
    await desk.goto('/settings/directory/mapping')
    await desk.heading('Attribute mapping').waitFor()
    await desk.look('S10 mapping')
    const name = page.getByRole('textbox', { name: 'Name', exact: true })
    await name.fill('nonsense')
    await world.meant([{ status: 400, call: /mapping\/preview$/ }], async () => {
      await desk.button('Preview').click()
      await page.getByText(/There is no attribute .*nonsense/).waitFor()
    })
    await name.fill('{name.familyName}, {name.givenName}')
    await desk.button('Preview').click()
    await page.getByText(/^[1-9]\d* of [1-9]\d* people would change\.$/).waitFor()
    await desk.look('S10 preview')
    await desk.button('Undo').click()
    same(await desk.button('Save').count(), 0, 'Save without a preview')
  })

  await world.step('J10 groups and roles: order, preview, save', async () => {
    await desk.goto('/settings/directory/roles')
    await desk.heading('Groups → teams and roles').waitFor()
    await page.getByText('No rules yet').waitFor()
    for (const [team, role] of [['Marketing', 'guest'], ['Sales', 'admin']]) await page.getByRole('row').filter({ hasText: team }).getByLabel(`Role of ${team}`).selectOption(role)
    await page.getByRole('button', { name: 'Move Sales up' }).click()
    same(await textOf(page.getByRole('list').filter({ has: page.getByRole('button', { name: 'Move Sales up' }) }).getByRole('listitem').first().locator('bdi')), 'Sales', 'the first rule')
    await desk.button('Preview').click()
    await page.getByText('20 people would change role.').waitFor()
    await desk.look('S11 preview')
    await desk.button('Save').click()
    await page.getByText('Nothing is edited.').waitFor()
    await desk.goto('/teams')
    await page.getByRole('row').filter({ hasText: 'Sales' }).getByText('Admin', { exact: true }).waitFor()
    await desk.look('S16 teams')
    await page.getByRole('link', { name: 'Sales' }).click()
    await desk.heading('Sales').waitFor()
    await page.getByRole('link', { name: 'Person 11' }).waitFor()
    await desk.look('S16 team')
    await desk.goto('/members?source=directory')
    await page.getByRole('row').filter({ hasText: 'Iva Babić' }).waitFor()
    await desk.look('S14 members of the directory')
    await desk.button('Next page').click()
    await desk.button('First page').waitFor()
  })
}
