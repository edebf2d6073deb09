// The times of journeys.md, measured on the way and printed at the end. A missed one is shown, never a failure.

const budgets = { 'dialog after the click': 100, 'tap → web': 500, 'page usable': 1000, 'J2': 8000, 'J3': 3000, 'J4': 2000, 'restored → Show Token': 2000 }

export class Figures {
  #all = new Map()
  #counts = new Map()

  count(name) {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  note(name, ms) {
    if (!this.#all.has(name)) this.#all.set(name, [])
    this.#all.get(name).push(ms)
  }

  print(say) {
    for (const [name, n] of this.#counts) say(`count: ${name}: ${n}`)
    for (const [name, list] of this.#all) {
      const sorted = [...list].sort((a, b) => a - b)
      const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]
      const budget = budgets[name]
      const over = budget !== undefined && at(0.95) > budget ? '  OVER' : ''
      const wanted = budget === undefined ? '' : `, wanted ≤ ${budget}`
      say(`figure: ${name}: median ${at(0.5).toFixed(0)} ms, p95 ${at(0.95).toFixed(0)} ms, n ${list.length}${wanted}${over}`)
    }
  }
}
