// Pull to refresh: a finger that draws the top of the page down. An installed app on an iPhone has no other way to say "look again".

const far = 72 // pixels that count as meant

/** pullToRefresh calls back once for each pull, until the returned function is called. */
export function pullToRefresh(page: HTMLElement, refresh: () => void): () => void {
  const stop = new AbortController()
  let from: number | undefined
  let by = 0
  const settle = () => { page.style.removeProperty('--pulled'); page.classList.remove('pulling'); from = undefined; by = 0 }
  addEventListener('touchstart', (e) => { from = e.touches.length === 1 && scrollY <= 0 ? e.touches[0]!.clientY : undefined }, { passive: true, signal: stop.signal })
  addEventListener('touchmove', (e) => {
    if (from === undefined) return
    by = Math.max(0, e.touches[0]!.clientY - from)
    if (scrollY > 0) return settle()
    page.classList.toggle('pulling', by > 8)
    page.style.setProperty('--pulled', `${Math.min(by / 2, far / 2)}px`)
  }, { passive: true, signal: stop.signal })
  addEventListener('touchend', () => { if (from !== undefined && by >= far) refresh(); settle() }, { signal: stop.signal })
  addEventListener('touchcancel', settle, { signal: stop.signal })
  return () => { stop.abort(); settle() }
}
