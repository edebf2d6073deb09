// Looks at a screen as a person would: axe in light and dark, and a picture at every width.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileOf, writeSheet } from './sheet.mjs'

const axe = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const widths = [1280, 390, 320]
const narrowest = 320

export class Look {
  open = process.env.COUNTERSIGN_E2E_LOOK !== 'no'
  seen = new Map() // by name: whether it is a screen of the phone
  checks = 0
  spent = 0 // milliseconds of looking, which no journey is charged for

  constructor(folder, watch) {
    this.folder = folder
    this.watch = watch
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
  }

  /** Puts all that was seen on one page; gives its place. */
  sheet() {
    writeSheet(this.folder, [...this.seen].map(([name, phone]) => ({ name, phone })))
    return join(this.folder, 'index.html')
  }

  /** Checks the screen that a page shows, once for each name: at its own width and the narrowest with axe, at every width for overflow. */
  async at(page, name) {
    if (this.seen.has(name) || !this.open) return
    const began = performance.now()
    const own = page.viewportSize()
    this.seen.set(name, own.width < 700)
    if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe)
    for (const width of widths) {
      const size = { width, height: width < 700 ? 844 : 800 }
      await page.setViewportSize(size)
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme })
        await this.#check(page, `${name}, ${colorScheme}, ${width} px`, width === own.width || width === narrowest)
        const whole = width > 700 && (await page.locator('dialog[open]').count()) === 0 // below the fold, too
        await picture(page, size, { path: join(this.folder, fileOf(name, colorScheme, width)), fullPage: whole })
      }
    }
    await page.emulateMedia({ colorScheme: 'light' })
    await page.setViewportSize(own)
    await picture(page, own, { clip: { x: 0, y: 0, width: 1, height: 1 } }) // it draws in that size, too
    this.spent += performance.now() - began
  }

  /** Checks a screen as it stands, in a browser that is set up in a way of its own, and keeps one picture of it. */
  async here(page, name, { contrast = true } = {}) {
    if (!this.open) return
    const began = performance.now()
    if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe)
    if (!contrast) await page.evaluate(() => window.axe.configure({ rules: [{ id: 'color-contrast', enabled: false }] }))
    await this.#check(page, name, true)
    await page.screenshot({ path: join(this.folder, `${name.replace(/[^\w]+/g, '-')}.png`) })
    this.spent += performance.now() - began
  }

  async #check(page, what, withAxe) {
    const { over, found } = await page.evaluate(async (withAxe) => {
      // Ends whatever changes its colour or moves; a child may begin when its parent has finished.
      const ends = (a) => a.playState === 'running' && a.effect.getComputedTiming().endTime !== Infinity
      for (let round = 0; round < 50; round++) {
        const moving = document.getAnimations().filter(ends)
        if (moving.length === 0) break
        for (const a of moving) a.finish()
      }
      const { scrollWidth, clientWidth } = document.documentElement
      const { violations } = withAxe ? await window.axe.run(document) : { violations: [] }
      return { over: scrollWidth - clientWidth, found: violations.map((v) => `${v.id} (${v.help}): ${v.nodes.map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ''}`).join(' | ')}`) }
    }, withAxe)
    if (withAxe) this.checks++
    for (const v of found) this.watch.fault(`axe at ${what}: ${v}`)
    if (over > 0) this.watch.fault(`sideways scrolling at ${what}: ${over} px too wide`)
  }
}

/**
 * A picture of a page of this size. Now and then this browser makes no frame any more for a page whose size was changed: scripts run, but a picture,
 * or a click that waits for the element to stand still, is waited for in vain. Being changed and brought to the front again wakes it.
 */
async function picture(page, size, options) {
  for (let tries = 1; ; tries++)
    try {
      return await page.screenshot({ ...options, timeout: 15_000 })
    } catch (error) {
      if (tries === 5) throw error
      console.log(`e2e: the browser draws nothing of ${new URL(page.url()).pathname} and is woken (${tries})`)
      await page.setViewportSize({ width: size.width, height: size.height - 20 })
      await page.bringToFront()
      await page.setViewportSize(size)
    }
}
