// A person's computer: the console in a browser, and how people get about in it.
import { createRequire } from 'node:module'
import { focused, must, same, until } from './check.mjs'

const jsQR = createRequire(import.meta.url)('jsqr')

export class Desk {
  constructor(world, context, name) {
    this.world = world
    this.context = context
    this.name = name
  }

  async open() {
    const { context } = this
    this.marks = new Map()
    await context.exposeBinding('e2eMark', (_, what) => this.marks.set(what, performance.now()))
    // When a click happened and when a dialog was there, in the page's own time.
    await context.addInitScript(() => {
      addEventListener('click', () => { window.e2eClicked = performance.now() }, true)
      new MutationObserver(() => {
        const title = document.querySelector('dialog[open] h2')?.textContent ?? ''
        if (title === window.e2eTitle) return
        window.e2eTitle = title
        if (!title) return
        window.e2eDialogAfter = performance.now() - window.e2eClicked
        window.e2eMark(title)
      }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['open'] })
    })
    // Whatever a page asks of a confirmation names it; until then nobody knows the name of a new one.
    const names = (address) => {
      const [, id] = /\/v1\/confirmations(?:\/([^/?]+)|$)/.exec(address) ?? [undefined, this.world.asked]
      this.world.asked = id ?? ''
    }
    context.on('request', (request) => names(request.url()))
    context.on('page', (page) => page.on('websocket', (socket) => names(socket.url())))
    this.page = await context.newPage()
  }

  goto(path) { return this.page.goto(this.world.told.console + path) }

  dialog(name) { return this.page.getByRole('dialog', { name, exact: true }) }

  button(name, options = {}) { return this.page.getByRole('button', { name, exact: true, ...options }) }

  heading(name) { return this.page.getByRole('heading', { name, level: 1, exact: true }) }

  look(name) { return this.world.look.at(this.page, name) }

  async signIn({ email, password }, arrived = 'All Members') {
    const { page } = this
    await this.goto('/w/acme')
    await page.getByLabel('E-mail').fill(email)
    await page.getByLabel('Password').fill(password)
    await this.button('Sign in').click()
    await this.heading(arrived).waitFor()
  }

  /** To Workspace Configuration by the left navigation, or by the account menu with the keyboard. */
  async configuration(path, firstName) {
    const { page } = this
    const main = page.getByRole('navigation', { name: 'Main' })
    if (path === 'left navigation') {
      await main.getByRole('link', { name: 'Settings', exact: true }).click()
    } else {
      const greeting = main.getByRole('button', { name: `Hi there ${firstName}!`, exact: true })
      same(await greeting.getAttribute('aria-haspopup'), 'menu', 'aria-haspopup of the greeting')
      same(await greeting.getAttribute('aria-expanded'), 'false', 'aria-expanded of the greeting')
      await greeting.click()
      await page.getByRole('menu').waitFor()
      await this.look('S2 account menu')
      await page.getByRole('group', { name: 'Acme' }).getByRole('menuitem', { name: 'Workspace Configuration', exact: true }).click()
    }
    await this.heading('Workspace Configuration').waitFor()
    same(new URL(page.url()).pathname, '/settings/workspace', 'the address of both ways')
    same(await page.getByRole('tab', { name: 'General' }).getAttribute('aria-selected'), 'true', 'General selected')
  }

  /** Opens the tab IDP Settings with a click, or with the arrow keys. */
  async idpSettings(keys) {
    const { page } = this
    const tab = page.getByRole('tab', { name: 'IDP Settings', exact: true })
    if (keys) {
      await page.getByRole('tab', { name: 'General' }).focus()
      await page.keyboard.press('ArrowRight')
      await focused(tab, 'IDP Settings, by the arrow key')
    } else {
      await tab.click()
    }
    await page.getByRole('heading', { name: 'Directory Sync', level: 2 }).waitFor()
    await this.button('View Token').waitFor()
    same(await tab.getAttribute('aria-selected'), 'true', 'IDP Settings selected')
  }

  /** The tab IDP Settings has what stands above its buttons, so that nothing moves under a click any more. */
  settled(title = 'Single sign-on') { return this.page.getByRole('heading', { name: title, level: 3 }).waitFor() }

  /** Presses View Token and waits for the dialog; notes how long it took to be there. */
  async viewToken() {
    const { page, world } = this
    await this.settled()
    await page.evaluate(() => { window.e2eDialogAfter = undefined })
    this.marks.delete('Show Token')
    await this.button('View Token').click()
    await this.waiting.waitFor()
    world.figures.note('dialog after the click', await until(() => page.evaluate(() => window.e2eDialogAfter), 'the time of the dialog'))
  }

  get waiting() { return this.dialog('Confirm your identity to continue') }

  get showToken() { return this.dialog('Show Token') }

  get line() { return this.page.getByTestId('live-state') }

  /** Waits until the dialog's line reads like this. */
  async says(pattern) {
    await this.page.getByTestId('live-state').filter({ hasText: pattern }).waitFor()
  }

  /** The token in the open dialog Show Token. */
  async token() {
    const value = await this.showToken.getByRole('textbox', { name: /^(SCIM API authentication token|New token)$/ }).inputValue()
    if (/^cs_scim_/.test(value)) await this.world.control.ask('shown', { kind: 'token', text: value })
    return value
  }

  /** The six digits in the dialog. */
  async code() {
    const digits = (await this.page.getByTestId('match-code').innerText()).replace(/\D/g, '')
    must(/^\d{6}$/.test(digits), 'no six digits')
    await this.world.control.ask('shown', { kind: 'code', text: digits })
    return digits
  }

  clipboard() { return this.page.evaluate(() => navigator.clipboard.readText()) }

  /** Reads the picture of the open pairing dialog as a camera does. */
  async qr() {
    const picture = this.page.getByRole('img', { name: 'Pairing code as picture; the code is also written below' })
    await picture.waitFor()
    const { size, path } = await picture.evaluate((svg) => ({ size: svg.viewBox.baseVal.width, path: svg.querySelector('path').getAttribute('d') }))
    const zoom = 4
    const width = size * zoom
    const pixels = new Uint8ClampedArray(width * width * 4).fill(255)
    for (const [, x, y] of path.matchAll(/M(\d+) (\d+)h1v1h-1z/g))
      for (let row = 0; row < zoom; row++)
        for (let column = 0; column < zoom; column++) pixels.fill(0, ((y * zoom + row) * width + x * zoom + column) * 4, ((y * zoom + row) * width + x * zoom + column) * 4 + 3)
    const read = jsQR(pixels, width, width)
    must(read, 'the QR code cannot be read')
    return read.data
  }

  async tell(where, text) { await this.world.control.ask('seen', { where: `${where} of the desktop of ${this.name}`, text }) }
}
