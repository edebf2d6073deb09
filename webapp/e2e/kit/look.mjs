// Looks at a screen as a person would: axe in light and dark, and a picture at every width.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const axe = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const widths = [1280, 390, 320]
const narrowest = 320

export class Look {
  open = process.env.COUNTERSIGN_E2E_LOOK !== 'no'
  seen = new Set()
  checks = 0
  spent = 0 // milliseconds of looking, which no journey is charged for

  constructor(folder, watch) {
    this.folder = folder
    this.watch = watch
    mkdirSync(folder, { recursive: true })
  }

  /** Checks the screen that a page shows, once for each name: at its own width and the narrowest with axe, at every width for overflow. */
  async at(page, name) {
    if (this.seen.has(name) || !this.open) return
    this.seen.add(name)
    const began = performance.now()
    const own = page.viewportSize()
    if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe)
    for (const width of widths) {
      await page.setViewportSize({ width, height: width < 700 ? 844 : 800 })
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme })
        await this.#check(page, `${name}, ${colorScheme}, ${width} px`, width === own.width || width === narrowest)
        await page.screenshot({ path: join(this.folder, `${name.replace(/[^\w]+/g, '-')}.${colorScheme}.${width}.png`) })
      }
    }
    await page.emulateMedia({ colorScheme: 'light' })
    await page.setViewportSize(own)
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
