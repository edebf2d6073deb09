// A-28 in a browser: text of strangers stays text on every screen that shows it, and where a page runs no stranger's text the policy still
// lets no inline script run.
import { firstSignIn, people } from './j1.mjs'
import { must, same } from './kit/check.mjs'
import { finishCodes, pairByLink } from './kit/pairing.mjs'

const markup = (what) => `<img src=x onerror=hacked()>${what}<b>`
const workspace = markup('Acme')
const eve = { name: markup('Eve'), first: markup('Eve'), email: 'eve@markup.test', password: 'correct horse battery staple Eve', phone: markup('iPhone') }

/** No element came of the text, and nothing of it ran. */
async function clean(page, where) {
  const found = await page.evaluate(() => [...document.querySelectorAll('img[src="x"], [onerror], script:not([src])')].map((e) => e.outerHTML))
  same(found.join(), '', `elements out of text ${where}`)
  must(await page.evaluate(() => !('e2eHacked' in window)), `a stranger's script ran ${where}`)
}

export async function markedUp(world) {
  const desk = await world.desk('Eve', `Mozilla/5.0 (${markup('Windows NT 10.0')}) ${markup('Chrome/156.0.0.0')} Safari/537.36`)
  const phone = await world.phone('Eve')
  const { page } = desk
  await world.step('A-28 names with markup: signing in', async () => {
    await world.control.ask('workspace', { workspace: 'markup', name: workspace, kind: eve.name, email: eve.email, text: eve.password })
    await desk.goto('/w/markup')
    await desk.heading(`Sign in to ${workspace}`).waitFor()
    await clean(page, 'on the sign-in page')
    await page.getByLabel('E-mail').fill(eve.email)
    await page.getByLabel('Password').fill(eve.password)
    await desk.button('Sign in').click()
    await desk.heading('All Members').waitFor()
    await page.getByRole('row').filter({ hasText: eve.name }).waitFor()
    await clean(page, 'in the list of people')
  })
  await world.step('A-28 names with markup: pairing', async () => {
    await desk.goto('/profile')
    await desk.button('Pair your phone').click()
    await desk.dialog('Pair your phone').waitFor()
    await pairByLink(desk, phone, eve)
    await desk.dialog('Pair your phone').getByRole('button', { name: 'Done', exact: true }).click()
    await finishCodes(desk)
    await page.getByText(eve.phone).first().waitFor()
    await clean(page, 'on the profile')
    await clean(phone.page, 'on the phone')
  })
  await world.step('A-28 names with markup: the request', async () => {
    await phone.lock()
    await desk.goto('/settings/workspace/idp')
    await desk.viewToken()
    await desk.says(`We sent a request to ${eve.phone}`)
    await clean(page, 'in the waiting dialog')
    await phone.goto('/')
    await phone.heading('Confirmation Request').waitFor()
    await phone.page.locator('dl.facts').getByText(workspace).waitFor()
    await phone.page.locator('dl.facts').getByText(eve.name).waitFor()
    await clean(phone.page, 'in the request on the phone')
    await phone.look('M5 request with markup')
    await phone.yes.click()
    await phone.heading('Confirmed. Go back to your computer.').waitFor()
    await desk.showToken.waitFor()
    must(/^cs_scim_/.test(await desk.token()), 'no token')
    await page.keyboard.press('Escape')
    await desk.showToken.waitFor({ state: 'hidden' })
    await phone.goto('/#history')
    await phone.page.getByText(workspace).waitFor()
    await clean(phone.page, 'in the history of the phone')
    await desk.goto('/notices')
    await page.getByText(eve.phone).first().waitFor()
    await clean(page, 'in the notices')
    await desk.look('S21 notices with markup')
    await phone.lock()
  })
  await world.step('A-28 what gets in all the same does not run', () => world.meant([{ violation: /^(script-src|require-trusted-types-for)/ }, { console: /Content Security Policy|TrustedScript|Trusted Type/i }], async () => {
    if (!people.ana.desk) await firstSignIn(world, people.ana)
    for (const where of [page, people.ana.mobile.page]) {
      if (where !== page) await people.ana.mobile.goto('/')
      const refused = await where.evaluate(() => new Promise((done) => {
        const heard = []
        document.addEventListener('securitypolicyviolation', (e) => { heard.push(e.effectiveDirective); if (heard.length === 2) done(heard) })
        const attempt = (run) => { try { run() } catch { /* trusted types refuse it before the policy for scripts can */ } }
        attempt(() => {
          const link = document.createElement('a')
          link.setAttribute('onclick', 'window.e2eHacked = 1')
          document.body.append(link)
          link.click()
        })
        attempt(() => {
          const script = document.createElement('script')
          script.textContent = 'window.e2eHacked = 1'
          document.body.append(script)
        })
        setTimeout(() => done(heard), 30_000)
      }))
      must(refused.length === 2 && refused.every((d) => /^(script-src|require-trusted-types-for)/.test(d)), `what the policy refuses: ${refused}`)
      must(await where.evaluate(() => !('e2eHacked' in window)), 'an inline script ran')
    }
    await people.ana.mobile.lock()
  }))
}
