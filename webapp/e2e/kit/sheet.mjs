// A page with every screen that a run looked at, in light and dark, each with its name: to be looked at by somebody who has not made them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const escaped = (text) => text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])

/** The file of one picture of a screen. */
export const fileOf = (name, scheme, width) => `${name.replace(/[^\w]+/g, '-')}.${scheme}.${width}.png`

/** Writes index.html beside the pictures. Screens of the phone stand at its width only, those of the console wide and narrow. */
export function writeSheet(folder, screens) {
  const picture = (name, scheme, width) => `<a href="${fileOf(name, scheme, width)}"><img loading="lazy" class="w${width}" alt="${escaped(name)}, ${scheme}, ${width} px" src="${fileOf(name, scheme, width)}"></a>`
  const screen = ({ name, phone }) => `<section id="${escaped(name.replace(/[^\w]+/g, '-'))}"><h2>${escaped(name)}</h2><div>${
    (phone ? [390] : [1280, 390]).flatMap((width) => ['light', 'dark'].map((scheme) => picture(name, scheme, width))).join('')}</div></section>`
  const sorted = [...screens].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  writeFileSync(join(folder, 'index.html'), `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Countersign, every screen</title>
<style>
  body { margin: 2rem; font: 16px/1.5 system-ui, sans-serif; background: #ddd; color: #111 }
  nav { columns: 18rem; font-size: .875rem } h2 { margin: 2.5rem 0 .75rem }
  section div { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start }
  img { display: block; border: 1px solid #999 } .w1280 { width: 640px } .w390 { width: 256px }
</style>
<h1>${sorted.length} screens</h1>
<nav>${sorted.map(({ name }) => `<a href="#${escaped(name.replace(/[^\w]+/g, '-'))}">${escaped(name)}</a><br>`).join('')}</nav>
${sorted.map(screen).join('\n')}
</html>
`)
}
