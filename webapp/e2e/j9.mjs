// J9: watch the initial cycle. It goes on from J8: the first person has come, now come the others.
import { must, same, until } from './kit/check.mjs'

const minutes = 60_000
const many = 60
const bad = 5
const least = 25 // requests a second, the lowest limit there is

export async function j9(world, person, idp) {
  const { desk } = person
  const { page } = desk
  const began = world.lived()
  const made = []

  await world.step('J9.1 Initial sync', async () => {
    await desk.goto('/settings/directory/health')
    await desk.heading('Sync health').waitFor()
    await page.getByText('Initial sync', { exact: true }).waitFor()
    await page.getByText('(inferred)').first().waitFor()
  })

  await world.step('J9.2 how many are in scope, and the estimate', async () => {
    await page.getByLabel('How many people and groups are in scope?').fill('1,240 + 3,000')
    await page.getByText("about 42 to 339 minutes at Entra's published rate").waitFor()
    await page.getByRole('progressbar', { name: 'First cycle' }).waitFor()
    await page.waitForURL(/[?&]scope=./) // the address holds what was typed
  })

  await world.step('J9.3 people and teams come, five fail', async () => {
    for (let i = 0; i < many; i++) made.push(await idp.person('Person', `${i + 1}`))
    for (let i = 0; i < 4; i++) await idp.team(['Marketing', 'Sales', 'Support', 'Finance'][i], made.slice(i * 10, i * 10 + 10))
    for (let i = 0; i < bad; i++) {
      const { status, body } = await idp.call('POST', '/Users', { userName: `broken${i}@acme.test`, displayName: `Broken ${i}`, active: 'perhaps' })
      must(status === 400 && body.detail, `a value that cannot be: ${status}`)
    }
    await page.getByText(new RegExp(`${many + 1} people created`)).waitFor()
    await page.getByText(/5 failed so far/).waitFor()
    await world.picture(page, 'console-first-cycle')
    await desk.look('S13 initial cycle')
  })

  await world.step('J9.5 the cycle ends, and the five are a link away', async () => {
    await world.advance(11 * minutes)
    await desk.goto('/settings/directory/health')
    await page.getByText(/The first cycle began on .* and took/).waitFor()
    await page.getByRole('link', { name: '5 failed' }).click()
    await desk.heading('Provisioning log').waitFor()
    await until(async () => (await page.locator('a[data-row]').count()) === bad, 'the five rows')
    must(new URL(page.url()).searchParams.get('result') === 'failed', 'the filter is not in the address')
  })

  await world.step('J9.4 more calls than the limit allows: told to wait, none lost, none doubled', () => world.meant([{ network: true }], async () => {
    await world.control.ask('setting', { name: 'SCIM_RATE', text: `${least}` })
    // The least limit lets a second's worth through at once, and earns more while this goes on.
    const waits = await until(async () => (await Promise.all(Array.from({ length: 15 * least }, () => idp.call('GET', '/ServiceProviderConfig')))).find(({ status }) => status === 429), 'a call too many')
    must(Number(waits.headers.get('retry-after')) >= 1, `Retry-After is ${waits.headers.get('retry-after')}`)
    await Promise.all(Array.from({ length: 10 }, async (_, i) => {
      const mail = `rush.${i + 1}@acme.test`
      const made = await until(async () => {
        const answer = await idp.call('POST', '/Users', { userName: mail, displayName: `Rush ${i + 1}`, active: true })
        return answer.status !== 429 && answer
      }, 'a call that is let in')
      same(made.status, 201, `creating ${mail}, in the end`)
    }))
    const { body } = await until(async () => {
      const answer = await idp.call('GET', `/Users?filter=${encodeURIComponent('userName sw "rush."')}`)
      return answer.status === 200 && answer
    }, 'a call that is let in')
    same(body.totalResults, 10, 'people made in the rush')
    await desk.goto('/settings/directory/health')
    await page.getByText('Slowed down', { exact: true }).first().waitFor()
    await desk.look('S13 slowed down')
    await world.control.ask('setting', { name: 'SCIM_RATE', text: '0' })
  }))

  await world.step('J9.7 the token breaks, and is repaired', async () => {
    const good = idp.authorization
    idp.authorization = `Bearer "${good.slice('Bearer '.length)}"`
    for (let i = 0; i < 3; i++) await idp.call('GET', '/Users?count=1')
    await desk.goto('/settings/directory/health')
    await page.getByText("Your identity provider's token is refused").waitFor()
    await page.getByText('Attention', { exact: true }).waitFor()
    await desk.look('S13 token refused')
    idp.authorization = good
    await idp.test()
    await page.getByText("Your identity provider's token is refused").waitFor({ state: 'hidden' })
    await desk.look('S13 health')
    await desk.goto('/settings/directory/log?result=rejected')
    await page.getByRole('row').filter({ hasText: '3×' }).getByText('Resolved', { exact: true }).waitFor()
    await desk.goto('/settings/workspace/idp')
    await page.getByRole('heading', { name: 'Last 24 h' }).waitFor()
    await desk.look('S4 with the last 24 hours')
  })
  world.figures.note('J9', world.lived() - began)
  return made
}

/** Later, with a provider that has kept its rhythm: it falls silent, and comes back. */
export async function silent(world, { desk, email }, idp) {
  const { page } = desk
  const cycle = 40 * minutes
  const rhea = await idp.person('Rhea', 'Rhythm')
  const calls = async (n) => same((await idp.change(rhea, [{ op: 'Replace', path: 'title', value: `Cycle ${n}` }])).status, 200, 'a cycle')
  await world.step('J9.6 a cycle every forty minutes', async () => {
    for (let n = 1; n < 6; n++) {
      await world.pass(cycle)
      await calls(n)
    }
    await desk.goto('/settings/directory/health')
    await page.getByText('Healthy', { exact: true }).first().waitFor()
  })
  await world.step('J9.6 three cycles do not come: Silent, and everybody is told', async () => {
    await world.pass(3 * cycle + 5 * minutes)
    await world.control.ask('housekeep')
    await world.mail(email, /has not called since/)
    await desk.goto('/settings/directory/health')
    await page.getByText('Silent', { exact: true }).first().waitFor()
    await desk.look('S13 silent')
    await desk.goto('/notices')
    await page.getByText(/Your identity provider has not called since/).first().waitFor()
    await desk.goto('/settings/workspace/idp')
    await page.getByText('Silent', { exact: true }).first().waitFor()
    await desk.look('S4 silent')
  })
  await world.step('J9.6 it calls again', async () => {
    await calls(6)
    await desk.goto('/settings/directory/health')
    await page.getByText('Healthy', { exact: true }).first().waitFor()
  })
}
