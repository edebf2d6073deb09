// J9: watch the initial cycle. It goes on from J8: the first person has come, now come the others. That a provider has fallen silent needs a
// service that was awake meanwhile, which a moved clock is not: internal/provisioning/health_test.go shows it.
import { must, until } from './kit/check.mjs'

const minutes = 60_000
const many = 60
const bad = 5

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
    must(new URL(page.url()).searchParams.get('scope'), 'the address does not hold what was typed')
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
