// Draws the companion's icons into public-companion. Run by hand when the mark changes: node companion/icons/draw.mjs [chromium]
import { writeFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

const out = new URL('../../public-companion/', import.meta.url)

// A shield with a check mark on a 24 × 24 field, scaled about its middle.
const mark = (scale, stroke = '#ffffff') => `<g transform="translate(12 12) scale(${scale}) translate(-12 -12)" fill="none" stroke="${stroke}" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"><path d="M12 3l7 3v5.5c0 4.5-3 7.7-7 9.5-4-1.8-7-5-7-9.5V6z"/><path d="M8.8 12.1l2.3 2.3 4.2-4.6"/></g>`
const svg = (inner) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${inner}</svg>`
const rounded = svg(`<rect width="24" height="24" rx="5.4" fill="#1d4ed8"/>${mark(0.8)}`)
const full = (scale) => svg(`<rect width="24" height="24" fill="#1d4ed8"/>${mark(scale)}`)

const pictures = [
  ['icon-192.png', 192, rounded],
  ['icon-512.png', 512, rounded],
  ['icon-maskable-512.png', 512, full(0.62)], // inside the safe circle
  ['apple-touch-icon.png', 180, full(0.74)], // iOS rounds it itself
  ['badge-96.png', 96, svg(mark(1.1))], // only its shape counts
]

writeFileSync(new URL('icon.svg', out), rounded + '\n')
const browser = await chromium.launch({ executablePath: process.argv[2] ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
try {
  for (const [name, size, picture] of pictures) {
    const page = await browser.newPage({ viewport: { width: size, height: size } })
    await page.setContent(`<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${picture}`)
    writeFileSync(new URL(name, out), await page.screenshot({ omitBackground: true }))
    await page.close()
  }
} finally {
  await browser.close()
}
