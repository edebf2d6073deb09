// The Go side of a story: its service, clock, lines and native phones (cmd/countersign/e2e_control_test.go), and the stand-in push services.

export class Control {
  constructor(story, push) {
    this.story = story
    this.push = push
  }

  async #post(base, name, body) {
    const reply = await fetch(`${base}/${name}`, { method: 'POST', body: JSON.stringify(body ?? {}) })
    const text = await reply.text()
    const answer = text ? JSON.parse(text) : {}
    if (!reply.ok) throw new Error(answer.error ?? `${name}: ${reply.status}`)
    return answer
  }

  ask(name, body) { return this.#post(this.story, name, body) }

  /** What a push service does with the next requests for an address. */
  script(address, ...steps) { return this.#post(this.push, 'script', { address, steps }) }

  /** Whether a phone has a network; while it has none its push service keeps what it would keep. */
  reach(address, on) { return this.#post(this.push, 'phone', { address, off: !on }) }

  /** Deliveries to an address from the n-th on; waits up to `wait` seconds for one. */
  async deliveries(address, after, wait, signal) {
    const query = new URLSearchParams({ address, after: String(after), wait: String(wait) })
    return (await fetch(`${this.push}/deliveries?${query}`, { signal })).json()
  }

  /** What went over a line, in order: method, target, status. */
  async exchanges(line, which = () => true) {
    return (await this.ask('exchanges', { line })).items.filter(which)
  }
}
