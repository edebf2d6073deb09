// What is measured on the way, printed as one table at the end beside the budgets of docs/performance.md. A missed one is shown, never a
// failure: how fast a busy machine is says nothing about the product. What a build weighs does fail, where it is built (weights.mjs).
import { weights } from '../../weights.mjs'

const ms = (most) => ({ most, unit: 'ms' })

/** By the beginning of a figure's name. */
const budgets = {
  'dialog after the click': ms(100), 'tap → web': ms(500), 'tap → web, polling': ms(3000), 'No → web': ms(1000), '410 → web': ms(2000), 'restored → Show Token': ms(2000), 'deactivated → web tab': ms(5000), 'exposed token stopped': ms(5000),
  'SCIM call → log row': ms(1000), 'SCIM call → tick': ms(1000), 'filter of ': ms(300), 'page usable': ms(1000), 'companion usable, offline': ms(300), 'companion usable': ms(1000),
  'LCP ': ms(2500), 'INP ': ms(200), 'CLS ': { most: 0.1, unit: '', digits: 3 },
  J1: ms(20_000), J2: ms(8000), J3: ms(3000), J4: ms(2000), J5: ms(8000), J6: ms(15_000), J7: ms(10_000), J8: ms(15_000), J9: ms(60_000), J10: ms(3000), J11: ms(10_000), J12: ms(10_000),
}

const budgetOf = (name) => budgets[name] ?? Object.entries(budgets).find(([begin]) => begin.length > 3 && name.startsWith(begin))?.[1]

export class Figures {
  #all = new Map()
  #counts = new Map()

  count(name) {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  note(name, value) {
    if (!this.#all.has(name)) this.#all.set(name, [])
    this.#all.get(name).push(value)
  }

  /** One line for each figure: name, median, 95th percentile, how often, budget. */
  print(say) {
    for (const [name, n] of this.#counts) say(`count: ${name}: ${n}`)
    const rows = [['figure', 'median', 'p95', 'n', 'wanted', '']]
    for (const [name, list] of [...this.#all].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))) {
      const sorted = [...list].sort((a, b) => a - b)
      const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]
      const budget = budgetOf(name)
      const text = (value) => `${value.toFixed(budget?.digits ?? 0)}${budget?.unit === '' ? '' : ' ms'}`
      rows.push([name, text(at(0.5)), text(at(0.95)), String(list.length), budget ? `≤ ${budget.most}` : '', budget && at(0.95) > budget.most ? 'OVER' : ''])
    }
    for (const { name, bytes, most } of weights()) {
      const text = `${(bytes / 1000).toFixed(1)} kB`
      rows.push([name, text, text, '1', `≤ ${most / 1000}`, bytes > most ? 'TOO HEAVY' : ''])
    }
    const width = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
    for (const row of rows) say(`figure: ${row.map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(width[i]) : cell.padStart(width[i]))).join('  ').trimEnd()}`)
  }
}
