// Watches every page of a story: console messages, violations of the content security policy, calls that failed. What a step means to
// happen it announces; everything else is a fault of the run.

const lateNews = 5000

export class Watch {
  faults = []
  #asked = new WeakMap() // what was meant when a call was made: its answer may come when the step is over
  #meant = [
    { status: 401, call: /^GET \/v1\/session$/ }, // "is anybody signed in?"
    { status: 409, call: /^POST \/v1\/device\/confirmations\/[^/]+\/opened$/ }, // the answer overtook the news that the question is on the screen
  ]

  constructor(where) {
    this.where = where
  }

  /** While `run` runs, these are no faults: {status, call}, {network: true}, {console: /…/}, {violation: /…/}. */
  async meant(list, run) {
    const own = list.map((m) => ({ ...m })) // the next step may mean the same, and goes on meaning it when this one's time is over
    this.#meant.push(...own)
    try {
      return await run()
    } finally {
      // The news of a call may come after what it led to.
      setTimeout(() => { this.#meant = this.#meant.filter((m) => !own.includes(m)) }, lateNews).unref()
    }
  }

  #meantOf(request) { return [...this.#meant, ...(this.#asked.get(request) ?? [])] }

  fault(what) {
    this.faults.push(`${this.where()}: ${what}`)
  }

  async context(context, name) {
    await context.exposeBinding('e2eViolation', (_, what) => {
      if (!this.#meant.some((m) => m.violation?.test(what))) this.fault(`${name}: content security policy: ${what}`)
    })
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (e) => window.e2eViolation(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`))
    })
    context.on('console', (m) => this.#console(name, m))
    context.on('weberror', (e) => this.fault(`${name}: uncaught ${e.error()?.stack ?? e.error()}`))
    context.on('request', (r) => this.#goesOut(name, r))
    context.on('requestfailed', (r) => this.#failed(name, r))
    context.on('response', (r) => void this.#answered(name, r))
  }

  #console(name, message) {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    const text = message.text()
    if (text.startsWith('Failed to load resource: ')) return // judged by its answer, or by its failing
    if (text === 'Service Worker registration blocked by Playwright') return // the computers of a story do without the console's
    if (/^WebSocket connection to .*WebSocket is closed before the connection is established/.test(text)) return // by its own page, which was left so soon
    if (/^WebSocket connection to /.test(text) && this.#meant.some((m) => m.network)) return
    if (this.#meant.some((m) => m.console?.test(text))) return
    this.fault(`${name}: console ${message.type()}: ${text} (${message.location().url}:${message.location().lineNumber})`)
  }

  /** Nothing of anybody else's is loaded: providers and services of a story stand on this machine, too. */
  #goesOut(name, request) {
    this.#asked.set(request, [...this.#meant])
    const url = new URL(request.url())
    if (/^https?:$/.test(url.protocol) && !/^(localhost|127\.0\.0\.1)$/.test(url.hostname)) this.fault(`${name}: ${request.method()} ${url.origin} is somebody else's`)
  }

  #failed(name, request) {
    const why = request.failure()?.errorText ?? ''
    if (why === 'net::ERR_ABORTED' || this.#meantOf(request).some((m) => m.network)) return
    this.fault(`${name}: ${call(request)} failed: ${why}`)
  }

  async #answered(name, response) {
    const status = response.status()
    if (status < 400) return
    const what = call(response.request())
    const where = this.where()
    if (this.#meantOf(response.request()).some((m) => m.status === status && m.call.test(what))) return
    const code = await response.json().then((b) => b.code, () => '')
    // A phone whose clock is not the service's is told so once, and sets itself. What it was told cannot be read any more when its page has
    // gone on; a phone that is refused for any other reason goes on to say so on its screen.
    if (code === 'clock_skew' || (code === '' && status === 401 && / \/v1\/device\//.test(what))) return
    this.faults.push(`${where}: ${name}: ${what} was answered with ${status} ${code}`)
  }
}

function call(request) {
  const url = new URL(request.url())
  return `${request.method()} ${url.pathname}`
}
