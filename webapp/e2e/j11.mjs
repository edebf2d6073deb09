// J11: somebody leaves, comes back, very many go at once, and the Owner is taken away. At the end directory sync is turned off.
import { confirmed, Provider } from './kit/idp.mjs'
import { must, same, until } from './kit/check.mjs'

const many = 30

export async function j11(world, { owner, leaver, second }) {
  const { desk, mobile: phone } = owner
  const { page } = desk
  const made = []
  let idp
  let gone = ''

  await world.step('J11.0 a token of its own, and people', async () => {
    await world.control.ask('renew-token', { workspace: 'acme', email: owner.email })
    await phone.lock()
    await desk.goto('/settings/workspace/idp')
    await desk.settled()
    await desk.button('View Token').click()
    await confirmed(desk, phone)
    idp = new Provider(world, await desk.token())
    await page.keyboard.press('Escape')
    await desk.showToken.waitFor({ state: 'hidden' })
    for (let i = 0; i < many; i++) made.push(await idp.person('Leaver', `${i + 1}`))
  })
  const began = world.lived()

  await world.step('J11.1 the directory takes over and turns off somebody who is signed in', () => world.meant([{ status: 401, call: /./ }, { console: /WebSocket/ }], async () => {
    const tab = await world.desk(`${leaver.first}, leaving`)
    await tab.signIn(leaver)
    const adopted = await idp.call('POST', '/Users', { userName: leaver.email, externalId: 'leaver-1', displayName: leaver.name, active: true })
    same(adopted.status, 201, 'taking over somebody who was added here')
    gone = adopted.body.id
    const answered = performance.now()
    await idp.active(gone, false)
    // The next click; the page may have noticed by itself by then, and says so over everything else.
    await tab.page.getByRole('link', { name: 'Teams', exact: true, includeHidden: true }).first().dispatchEvent('click')
    await tab.page.getByText('Your organization has turned off your access. Ask your IT team.').waitFor()
    world.figures.note('deactivated → web tab', performance.now() - answered)
    await tab.look('S2 turned off by the directory')
  }))

  await world.step('J11.2 the receipt', async () => {
    await desk.goto('/settings/directory/offboarding')
    await desk.heading('Offboarding receipts').waitFor()
    await desk.look('F69 receipts')
    await page.getByRole('link', { name: leaver.name }).first().click()
    await desk.heading('Offboarding receipt').waitFor()
    await page.getByText('Access ended', { exact: true }).waitFor()
    await page.getByText(/From the request to the end of everything/).waitFor()
    await desk.look('F69 receipt')
  })

  await world.step('J11.3 back again: the same person', async () => {
    const okta = new Provider(world, idp.authorization.slice('Bearer '.length), 'okta')
    await okta.active(gone, true)
    await desk.goto(`/members?q=${encodeURIComponent(leaver.email)}&status=active`)
    await page.getByRole('row').filter({ hasText: leaver.email }).waitFor()
    await idp.test()
  })

  await world.step('J11.5 deleted, and restored', async () => {
    same((await idp.call('DELETE', `/Users/${made.at(-1)}`)).status, 204, 'deleting one')
    await desk.goto('/settings/directory/deleted')
    const row = page.getByRole('row').filter({ hasText: `Leaver ${made.length}` })
    await row.getByText('30 days left').waitFor()
    await desk.look('S15 deleted')
    await row.getByRole('button', { name: `Restore Leaver ${made.length}` }).click()
    await row.waitFor({ state: 'detached' })
    same((await idp.call('GET', `/Users/${made.at(-1)}`)).status, 200, 'the restored person')
  })

  await world.step('J11.7 very many at once are held', async () => {
    await desk.goto('/settings/directory/removals')
    await desk.heading('Held removals').waitFor()
    await page.getByText('Nothing was held').waitFor()
    for (const id of made.slice(0, 25)) same((await idp.call('DELETE', `/Users/${id}`)).status, 204, 'deleting many')
    await desk.goto('/settings/directory/removals')
    await page.getByText('One removal waits for a decision.').waitFor()
    await desk.look('F64 held')
    await page.getByRole('link', { name: 'People deleted' }).click()
    await desk.button('Keep…').waitFor()
    await desk.look('F64 one removal')
    await desk.button('Keep…').click()
    await confirmed(desk, phone)
    await page.getByText('Restored', { exact: true }).first().waitFor()
    same((await idp.call('GET', `/Users/${made[20]}`)).status, 200, 'a person who was kept')
  })

  await world.step('J11.6 the directory takes the Owner away; two take over', () => world.meant([{ status: 401, call: /./ }, { console: /WebSocket/ }], async () => {
    const adopted = await idp.call('POST', '/Users', { userName: owner.email, externalId: 'owner-1', displayName: owner.name, active: true })
    same(adopted.status, 201, 'taking over the Owner')
    await idp.active(adopted.body.id, false)
    await phone.goto('/')
    await phone.page.getByText('This phone was removed from Acme.').waitFor()
    await phone.lock()
    same((await idp.call('GET', '/Users?count=1')).status, 200, 'a call with the token that the Owner was shown')
    const other = second.desk
    await other.goto('/settings/directory/health')
    await other.page.getByText('Ownership is frozen').waitFor()
    await other.page.getByRole('link', { name: 'Take over ownership' }).click()
    await other.heading('Take over ownership').waitFor()
    await other.button('Propose myself').click()
    await other.button('Propose', { exact: true }).click()
    await confirmed(other, second.mobile)
    await other.page.getByText('You have proposed this. Another Super Admin has to agree.').waitFor()
    await other.look('O1 proposed')
    await other.page.getByText('Nobody else is there: use a recovery code').click()
    await other.page.getByLabel('Recovery code').fill(second.codes[5])
    await until(async () => (await other.button('Take over ownership').getAttribute('aria-disabled')) === null, 'the button to work')
    await other.button('Take over ownership').click()
    await confirmed(other, second.mobile)
    await other.page.getByText('The workspace has an active Owner').waitFor()
    must(await other.page.getByText(second.name).first().isVisible(), 'the new Owner is not named')
  }))

  await world.step('J11.9 directory sync is turned off; people and teams stay', async () => {
    const other = second.desk
    await other.goto('/settings/workspace/idp')
    await other.button('View Token').waitFor()
    await other.settled()
    await other.page.locator('dd a[href^="/settings/directory/log"]').first().waitFor() // the last 24 hours come later, and move what is below
    await other.page.getByText('Danger', { exact: true }).click()
    await other.button('Turn off directory sync…').click()
    const dialog = other.dialog('Turn off directory sync')
    await dialog.getByRole('radio', { name: /^Keep them/ }).waitFor()
    await dialog.getByRole('button', { name: 'Turn off', exact: true }).click()
    await dialog.getByText('Choose what is to become of people and teams.').waitFor()
    await other.look('S4 turn off directory sync')
    await dialog.getByRole('radio', { name: /^Keep them/ }).check()
    await dialog.getByRole('button', { name: 'Turn off', exact: true }).click()
    await confirmed(other, second.mobile)
    await other.page.getByText(/^Directory sync is turned off\. \d+ people are Local now/).waitFor()
    await other.look('S4 directory sync is off')
    same((await idp.call('GET', '/Users?count=1')).status, 401, 'a call after directory sync was turned off')
    await other.goto('/members?source=directory')
    await other.page.getByText('Nobody found').waitFor()
    await other.goto(`/members?q=${encodeURIComponent('leaver.1@acme.test')}`)
    await other.page.getByRole('row').filter({ hasText: 'leaver.1@acme.test' }).getByText('Local', { exact: true }).waitFor()
  })
  world.figures.note('J11', world.lived() - began)
}
