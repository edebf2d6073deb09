// Screens that no journey passes: they are looked at, and that is all.
import { people } from './j1.mjs'

export async function others(world) {
  const { ana } = people
  const { desk, mobile: phone } = ana
  await world.step('other screens of the console', async () => {
    await desk.goto('/teams')
    await desk.page.getByText('No teams yet').waitFor()
    await desk.look('S16 no teams')
    await desk.goto('/nowhere')
    await desk.heading('Page not found').waitFor()
    await desk.look('S23 not found')
    await desk.goto('/signin')
    await desk.heading('Sign in').waitFor()
    await desk.look('S1 which workspace')
    await desk.goto('/profile')
    await desk.button(`Remove ${ana.phone}`).click()
    await desk.dialog('Remove device?').waitFor()
    await desk.look('S18 remove')
    await desk.button('Cancel').click()
  })
  await world.step('other screens of the companion', async () => {
    await phone.goto('/#history')
    await phone.heading('History').waitFor()
    await phone.page.getByText(/^(Confirmed|Nothing was answered here yet)/).first().waitFor()
    await phone.look('M9 history')
    await phone.goto('/#settings')
    await phone.heading('Settings').waitFor()
    await phone.look('M10 settings')
  })
  await world.step('the service does not answer', () => world.meant([{ network: true }], async () => {
    await phone.context.setOffline(true)
    await phone.goto('/')
    await phone.page.getByText("You're offline. Trying again…").waitFor()
    await phone.look('M11 offline')
    await phone.context.setOffline(false)
    await phone.page.getByText("You're offline. Trying again…").waitFor({ state: 'hidden' })
  }))
  await world.step('German', async () => {
    const context = await world.browser.newContext({ locale: 'de-DE', storageState: await desk.context.storageState(), viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' })
    await world.watch.context(context, 'a German desktop')
    const page = await context.newPage()
    await page.goto(`${world.told.console}/settings/workspace/idp`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.getByRole('tab', { selected: true }).waitFor()
    await page.getByText(ana.phone).waitFor()
    await world.look.at(page, 'S4 in German')
    await context.close()
  })
}
