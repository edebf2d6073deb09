// One run: the browser, everybody's desktops and phones, the clock that all of them and the service share.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { until } from './check.mjs'
import { Control } from './control.mjs'
import { Desk } from './desk.mjs'
import { Figures } from './figures.mjs'
import { Look } from './look.mjs'
import { Phone } from './phone.mjs'
import { storage } from './storage.mjs'
import { Watch } from './watch.mjs'

const flags = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const patience = 60_000 // a slow machine is no fault
const longestStep = 300_000
const oneDay = 24 * 3600_000
const fresh = process.env.COUNTERSIGN_SCREENSHOTS === '1'

export class World {
  desks = []
  phones = []
  people = {}
  figures = new Figures()
  #contexts = []
  #where = 'start'
  #mails = false
  /** The confirmation that a computer asked for last. */
  asked = ''
  #pictures = new Set()

  static async open(told) {
    const world = new World()
    world.told = told
    world.control = new Control(told.control, told.push)
    world.folder = newFolder()
    world.watch = new Watch(() => world.#where)
    world.look = new Look(fileURLToPath(new URL(`../../../bin/screens/${process.env.COUNTERSIGN_E2E_JOURNEYS ? 'chosen' : told.journeys}`, import.meta.url)), world.watch)
    world.browser = await chromium.launch({ executablePath: told.chromium, args: flags })
    world.now = (await world.control.ask('advance', { ms: 0 })).now
    world.began = Date.now()
    return world
  }

  async close() {
    for (const phone of this.phones) phone.stop()
    await this.browser.close()
  }

  say(line) {
    console.log(`e2e ${((Date.now() - this.began) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  }

  /** One step of a journey; its name goes with whatever is wrong in it. */
  async step(name, run) {
    this.#where = name
    const before = this.watch.faults.length
    let alarm
    const tooLong = new Promise((_, no) => { alarm = setTimeout(() => no(new Error(`takes longer than ${longestStep / 1000} s`)), longestStep) })
    try {
      return await Promise.race([run(), tooLong])
    } catch (error) {
      error.message = `${name}: ${error.message}`
      throw error
    } finally {
      clearTimeout(alarm)
      for (const fault of this.watch.faults.slice(before)) this.say(`FAULT ${fault}`)
    }
  }

  /** Milliseconds that were lived so far, without those in which screens were looked at. */
  lived() { return performance.now() - this.look.spent }

  meant(list, run) { return this.watch.meant(list, run) }

  async #context(name, options) {
    const context = await this.browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Zagreb', reducedMotion: 'reduce', colorScheme: 'light', ...options })
    context.setDefaultTimeout(patience)
    await this.watch.context(context, name)
    await context.tracing.start({ snapshots: true, title: name })
    this.#contexts.push({ name, context })
    return context
  }

  /** A computer with a browser of its own, which may call itself anything and be set up in any way. */
  async desk(name, called, options = {}) {
    const agent = called ?? `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${this.browser.version().split('.')[0]}.0.0.0 Safari/537.36`
    const context = await this.#context(`desktop of ${name}`, { serviceWorkers: 'block', viewport: { width: 1280, height: 800 }, deviceScaleFactor: fresh ? 2 : 1, userAgent: agent, ...options })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: this.told.console })
    await context.clock.install({ time: Date.now() + this.ahead })
    const desk = new Desk(this, context, name)
    await desk.open()
    this.desks.push(desk)
    return desk
  }

  /** Somebody is done with a computer: what its browser kept is told, and it is gone. */
  async leave(desk) {
    await desk.tell('storage', (await storage(desk.page)).text)
    this.desks.splice(this.desks.indexOf(desk), 1)
    await desk.context.close()
  }

  /** A phone with a browser of its own; ios for one that calls itself an iPhone. */
  async phone(name, { ios = false } = {}) {
    const chrome = `Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${this.browser.version().split('.')[0]}.0.0.0 Mobile Safari/537.36`
    const safari = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1'
    const context = await this.#context(`phone of ${name}`, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: fresh ? 2 : 1, userAgent: ios ? safari : chrome })
    const phone = new Phone(this, context, name)
    await phone.open()
    this.phones.push(phone)
    return phone
  }

  /** How far the service's clock is ahead of this machine's. */
  ahead = 0

  /** Moves the clock of the service and of every desktop; phones learn of it as phones do, from the service. */
  async advance(ms) {
    this.ahead += ms
    await this.control.ask('advance', { ms })
    await Promise.all(this.desks.map((desk) => desk.context.clock.fastForward(ms)))
  }

  /** As advance, with a service that was awake all the time and writes that down as it does each minute. */
  async pass(ms) {
    this.ahead += ms
    await this.control.ask('pass', { ms })
    await Promise.all(this.desks.map((desk) => desk.context.clock.fastForward(ms)))
  }

  /** Sees to it that the service has a mail server. */
  async mailOn() {
    if (this.#mails) return
    this.#mails = true
    await this.meant([{ network: true }], () => this.control.ask('mail-on'))
  }

  /** A mail to somebody whose text is like this, once it has come. */
  mail(email, form) {
    return until(async () => (await this.control.ask('mails', { email })).items.find(({ text }) => form.test(text.replace(/\s+/g, ' '))), `a mail to ${email} like ${form}`)
  }

  /** Days go by: nobody is there with a session that has ended meanwhile. (Timers of a page that is run forward by 25 days stand still.) */
  async days(ms) {
    for (const each of this.desks) await each.page.goto('about:blank')
    this.ahead += ms
    await this.control.ask('advance', { ms })
    await Promise.all(this.desks.map((desk) => desk.context.clock.setSystemTime(Date.now() + this.ahead)))
    for (const each of this.desks) await each.goto('/signin')
  }

  /** Takes a picture for the README, when it is asked for new ones. */
  async picture(page, name) {
    if (!fresh || this.told.journeys !== 'all' || this.#pictures.has(name)) return
    this.#pictures.add(name)
    await page.screenshot({ path: fileURLToPath(new URL(`../../../docs/images/${name}.png`, import.meta.url)) })
    this.say(`docs/images/${name}.png is new`)
  }

  /** Keeps what the browsers saw of a story that failed. */
  async keep() {
    let n = 0
    for (const { name, context } of this.#contexts) {
      const file = (ending) => join(this.folder, `${name.replace(/\W+/g, '-')}.${ending}`)
      for (const page of context.pages()) await page.screenshot({ path: file(`${++n}.png`), timeout: 5000 }).catch(() => undefined)
      await context.tracing.stop({ path: file('trace.zip') }).catch(() => undefined)
    }
    return this.folder
  }
}

/** A folder for what a run leaves to look at. Those of earlier days are removed. */
function newFolder() {
  const name = 'countersign-e2e-'
  for (const old of readdirSync(tmpdir()).filter((f) => f.startsWith(name)).map((f) => join(tmpdir(), f)))
    if (Date.now() - (statSync(old, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > oneDay) rmSync(old, { recursive: true, force: true })
  return mkdtempSync(join(tmpdir(), name))
}
