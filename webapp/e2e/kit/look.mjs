// Looks at a screen as a person would: axe in light and dark, and a picture at every width.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const axe = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const widths = [1280, 390, 320]

export class Look {
  seen = new Set()
  checks = 0
  spent = 0 // milliseconds of looking, which no journey is charged for

  constructor(folder, watch) {
    this.folder = folder
    this.watch = watch
    mkdirSync(folder, { recursive: true })
  }

  /** Checks the screen that a page shows, once for each name. */
  async at(page, name) {
    if (this.seen.has(name) || process.env.COUNTERSIGN_E2E_LOOK === 'no') return
    this.seen.add(name)
    const began = performance.now()
    const size = page.viewportSize()
    const hasAxe = await page.evaluate(() => typeof window.axe !== 'undefined')
    if (!hasAxe) await page.evaluate(axe)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      await settled(page)
      for (const width of widths) {
        const height = width < 700 ? 844 : 800
        await page.setViewportSize({ width, height })
        await settled(page)
        if (width === size.width || width === 320) await this.#axe(page, `${name}, ${colorScheme}, ${width} px`)
        await this.#fits(page, `${name}, ${width} px`)
        await page.screenshot({ path: join(this.folder, `${name.replace(/[^\w]+/g, '-')}.${colorScheme}.${width}.png`) })
      }
    }
    await page.emulateMedia({ colorScheme: 'light' })
    await page.setViewportSize(size)
    this.spent += performance.now() - began
  }

  async #axe(page, what) {
    const found = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document)
      return violations.map((v) => `${v.id} (${v.help}): ${v.nodes.map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ''}`).join(' | ')}`)
    })
    this.checks++
    for (const v of found) this.watch.fault(`axe at ${what}: ${v}`)
  }

  async #fits(page, what) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    if (over > 0) this.watch.fault(`sideways scrolling at ${what}: ${over} px too wide`)
  }
}

/** Waits until nothing moves or changes its colour any more; a child may begin when its parent has finished. */
function settled(page) {
  return page.evaluate(async () => {
    const ends = (a) => a.playState === 'running' && a.effect.getComputedTiming().endTime !== Infinity
    for (let moving; (moving = document.getAnimations().filter(ends)).length > 0;) await Promise.all(moving.map((a) => a.finished.catch(() => undefined)))
  })
}
