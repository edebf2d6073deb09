// What a screen reader hears of a page: the texts that are put into its live regions, in their order.

/** To be run in the page before anything else. */
export function listen() {
  window.e2eSaid = []
  const last = new WeakMap()
  new MutationObserver((changes) => {
    const regions = new Set()
    for (const { target, addedNodes } of changes) {
      const near = (target.nodeType === 1 ? target : target.parentElement)?.closest('[role=status], [role=alert]')
      if (near) regions.add(near)
      for (const node of addedNodes) if (node.nodeType === 1) for (const inner of node.querySelectorAll('[role=status], [role=alert]')) regions.add(inner)
    }
    for (const region of regions) {
      const text = region.textContent.replace(/[\u200b\s]+/g, ' ').trim()
      if (!text || last.get(region) === text || region.closest('[inert], [aria-hidden=true]')) continue
      last.set(region, text)
      window.e2eSaid.push(`${region.getAttribute('role') === 'alert' ? 'at once' : 'calmly'}: ${text}`)
    }
  }).observe(document, { subtree: true, childList: true, characterData: true })
}

export const forget = (page) => page.evaluate(() => { window.e2eSaid = [] })

/** Checks that these were heard in this order, whatever else was heard between them. */
export async function heard(page, forms, what) {
  const said = await page.evaluate(() => window.e2eSaid)
  let from = 0
  for (const [how, form] of forms) {
    const at = said.findIndex((text, i) => i >= from && text.startsWith(`${how}: `) && form.test(text))
    if (at < 0) throw new Error(`${what}: a screen reader does not hear "${how}: ${form.source}" in its place; it hears:\n  ${said.join('\n  ')}`)
    from = at + 1
  }
}
