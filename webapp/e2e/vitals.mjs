// Core Web Vitals of the main pages, told by the browser itself, in browsers that have never been here: largest contentful paint, layout
// shifts, and how long the slowest of some interactions took until the next frame. Reported, never demanded.
import { until } from './kit/check.mjs'

/** What the browser measures, kept in the page. The shifts are those of the worst window of five seconds, as the metric is defined. */
function observe() {
  const seen = (window.e2eVitals = { lcp: 0, cls: 0, inp: 0, interactions: 0, moved: [] })
  const on = (type, more, note) => new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true, ...more })
  on('largest-contentful-paint', {}, (e) => { seen.lcp = e.startTime })
  let window_ = { value: 0, first: 0, last: 0 }
  on('layout-shift', {}, (e) => {
    if (e.hadRecentInput) return
    const same = e.startTime - window_.last < 1000 && e.startTime - window_.first < 5000
    window_ = same ? { ...window_, value: window_.value + e.value, last: e.startTime } : { value: e.value, first: e.startTime, last: e.startTime }
    seen.cls = Math.max(seen.cls, window_.value)
    for (const { node } of e.sources) seen.moved.push(`${e.value.toFixed(3)} ${node?.nodeName} ${node?.textContent?.slice(0, 40)}`)
  })
  on('event', { durationThreshold: 16 }, (e) => {
    if (!e.interactionId) return
    seen.interactions++
    seen.inp = Math.max(seen.inp, e.duration)
  })
}

const mostShift = 0.1

/** What a page shifts by, and what it was where it is too much. */
function noteShift(world, name, { cls, moved }) {
  world.figures.note(`CLS ${name}`, cls)
  if (cls > mostShift) world.say(`CLS ${name}: ${moved.join(' | ')}`)
}

const greeting = async (page, first) => {
  await page.getByRole('button', { name: `Hi there ${first}!` }).click()
  await page.getByRole('menu').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('menu').waitFor({ state: 'hidden' })
}

/** Path, what shows that it can be used, and what somebody does there first. */
const pages = [
  ['sign-in', '/w/acme', (page) => page.getByRole('heading', { name: 'Sign in to Acme' }), (page) => page.getByLabel('E-mail').pressSequentially('ana'), true],
  ['All Members', '/members', (page) => page.getByRole('row').nth(1), (page) => page.getByLabel('Search name or e-mail').pressSequentially('an')],
  ['IDP Settings', '/settings/workspace/idp', (page) => page.getByRole('button', { name: 'View Token' }), (page) => page.getByRole('tab', { name: 'Security' }).click()],
  ['provisioning log', '/settings/directory/log', (page) => page.locator('a[data-row]').first(), (page) => page.locator('a[data-row]').first().click()],
  ['sync health', '/settings/directory/health', (page) => page.getByRole('heading', { name: 'Sync health' })],
  ['Activity', '/activity', (page) => page.getByRole('row').nth(1), (page) => page.getByRole('row').nth(1).getByRole('button').first().click()],
  ['My Profile', '/profile', (page) => page.getByRole('heading', { name: 'My trusted devices' })],
]

async function measured(world, context, name, address, ready, act) {
  await world.watch.context(context, name)
  await context.addInitScript(observe)
  const page = await context.newPage()
  page.setDefaultTimeout(60_000) // a slow machine is no fault
  const began = performance.now()
  await page.goto(address)
  await ready(page).waitFor()
  world.figures.note('page usable, cold', performance.now() - began)
  const { lcp } = await until(() => page.evaluate(() => (window.e2eVitals.lcp > 0 ? window.e2eVitals : undefined)), `a paint of ${name}`)
  world.figures.note(`LCP ${name}`, lcp)
  await act(page)
  // Interactions are told a frame after they ended, in a task of their own.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)))))
  const told = await page.evaluate(() => window.e2eVitals)
  const { inp, interactions } = told
  noteShift(world, name, told)
  world.figures.note(`INP ${name}`, interactions > 0 ? inp : 16) // none that took longer than a frame
  await page.close()
}

export async function vitals(world, person) {
  const state = await person.desk.context.storageState()
  for (const [name, path, ready, act, stranger] of pages) {
    await world.step(`vitals: ${name}`, async () => {
      const context = await world.browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...(!stranger && { storageState: state }) })
      await measured(world, context, name, world.told.console + path, ready, async (page) => {
        await act?.(page)
        if (!stranger) await page.evaluate(() => document.querySelector('dialog[open]')).then((open) => (open ? page.keyboard.press('Escape') : undefined))
        if (!stranger && !act) await greeting(page, person.first)
      })
      await context.close()
    })
  }
  await world.step('vitals: the companion', () => world.meant([{ network: true }], async () => {
    const { mobile: phone } = person
    const home = () => phone.page.getByText(/^No requests right now\./)
    await phone.context.addInitScript(observe)
    let began = performance.now()
    await phone.goto('/')
    await home().waitFor()
    world.figures.note('companion usable', performance.now() - began)
    const told = await until(() => phone.page.evaluate(() => (window.e2eVitals.lcp > 0 ? window.e2eVitals : undefined)), 'a paint of the companion')
    world.figures.note('LCP companion', told.lcp)
    noteShift(world, 'companion', told)
    await phone.context.setOffline(true)
    began = performance.now()
    await phone.goto('/')
    await phone.page.getByText("You're offline. Trying again…").waitFor()
    world.figures.note('companion usable, offline', performance.now() - began)
    await phone.context.setOffline(false)
    await phone.page.getByText("You're offline. Trying again…").waitFor({ state: 'hidden' })
    await phone.lock()
  }))
}
