// A person's phone: the companion in a browser. Its pushes come from the stand-in push service and go into the real service worker.
import { must, until } from './check.mjs'

export class Phone {
  inbox = []
  shown = [] // notifications that the page showed
  asked = 0 // how often the system asked for a permission
  #stop = new AbortController()

  constructor(world, context, name) {
    this.world = world
    this.context = context
    this.name = name
  }

  async open() {
    const { context } = this
    await context.exposeBinding('e2eSubscribe', (_, key) => this.#subscribe(key))
    await context.exposeBinding('e2eSubscription', () => this.subscription ?? null)
    await context.exposeBinding('e2eAsked', () => { this.asked++ })
    await context.exposeBinding('e2eShown', (_, shown) => { this.shown.push(shown) })
    await context.exposeBinding('e2eTapped', () => { this.tapped = performance.now() })
    // A browser under test has no push service of its own: subscribing is the only thing that is stood in for.
    await context.addInitScript(() => {
      if (!window.isSecureContext) return // a page that is no page of ours yet
      addEventListener('click', () => window.e2eTapped(), true)
      const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
      const wrap = (s) => ({ ...s, options: { applicationServerKey: null }, toJSON: () => s, unsubscribe: () => Promise.resolve(true) })
      PushManager.prototype.subscribe = async function (options) { return wrap(await window.e2eSubscribe(text(options.applicationServerKey))) }
      PushManager.prototype.getSubscription = async function () {
        const s = await window.e2eSubscription()
        return s && wrap(s)
      }
      const show = ServiceWorkerRegistration.prototype.showNotification
      ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
        await show.call(this, title, options)
        await window.e2eShown({ title, body: options.body, tag: options.tag })
      }
      const request = Notification.requestPermission.bind(Notification)
      Notification.requestPermission = async () => {
        await window.e2eAsked()
        return request()
      }
    })
    this.page = await context.newPage()
    this.cdp = await context.newCDPSession(this.page)
    this.registrations = new Map()
    this.cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      for (const r of registrations) r.isDeleted ? this.registrations.delete(r.scopeURL) : this.registrations.set(r.scopeURL, r.registrationId)
    })
    await this.cdp.send('ServiceWorker.enable')
  }

  stop() { this.#stop.abort() }

  goto(to = '/') { return this.page.goto(to.startsWith('http') ? to : this.world.told.companion + to) }

  /** The app is not open: only its service worker is there. */
  lock() { return this.page.goto('about:blank') }

  /** The app is opened once: a phone that was not heard of for two months is not pushed. */
  async seen() {
    const heard = this.page.waitForResponse((r) => r.url().includes('/v1/device/confirmations?state=pending') && r.ok()) // what the page remembers is shown before
    await this.goto('/')
    await heard
    await this.page.getByText(/^No requests right now\./).waitFor()
    await this.lock()
  }

  button(name) { return this.page.getByRole('button', { name }) }

  get yes() { return this.page.getByRole('button', { name: /^It[’']s me!/ }) }

  get no() { return this.page.getByRole('button', { name: /^It's not me/ }) }

  heading(name) { return this.page.getByRole('heading', { name, level: 1, exact: true }) }

  look(name) { return this.world.look.at(this.page, name) }

  async #subscribe(key) {
    this.subscription = await this.world.control.ask('subscribe', { application_server_key: key })
    void this.#receive(this.subscription.endpoint)
    return this.subscription
  }

  async #receive(address) {
    for (let next = 0; !this.#stop.signal.aborted;) {
      const got = await this.world.control.deliveries(address, next, 25, this.#stop.signal).catch(() => undefined)
      if (!got) return
      next = got.next
      this.inbox.push(...got.items)
    }
  }

  /** The next push of a kind that the push service has for this phone. */
  push(t) { return this.#take(t, () => true) }

  /** The push about the confirmation that a computer asked for last; what an earlier one left here is passed over. */
  pushOfLast(t) { return this.#take(t, (payload) => payload.cid === this.world.asked) }

  async #take(t, which) {
    const found = await until(() => this.inbox.find((d) => d.payload.t === t && which(d.payload)), () => `a push "${t}" for the phone of ${this.name}; there were ${this.inbox.map((d) => d.payload.t).join() || 'none'}`)
    this.inbox.splice(this.inbox.indexOf(found), 1)
    return found
  }

  /** Hands a push to the service worker, as the browser would. */
  async deliver(push) {
    const origin = this.world.told.companion
    const registrationId = await until(() => this.registrations.get(`${origin}/`), 'the service worker')
    const worker = await this.worker()
    // What it shows is noted when it is shown: asking for the list meanwhile makes this browser lose the notification.
    await worker.evaluate(() => {
      const show = (self.e2eShow ??= ServiceWorkerRegistration.prototype.showNotification)
      self.e2eShown = []
      ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
        await show.call(this, title, options)
        self.e2eShown.push({ title, body: options.body, tag: options.tag })
      }
    })
    await this.cdp.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data: JSON.stringify(push.payload) })
  }

  worker() {
    return until(() => this.context.serviceWorkers().find((w) => w.url() === `${this.world.told.companion}/sw.js`), 'the service worker')
  }

  /** Waits for a notification with one of these texts, by the service worker since the last delivery, or by the page. */
  async notice(title, ...bodies) {
    let all = []
    return until(async () => {
      const worker = await this.worker()
      all = [...this.shown, ...(await worker.evaluate(() => self.e2eShown ?? []))]
      return all.find((n) => n.title === title && bodies.includes(n.body))
    }, () => `the notice "${title}: ${bodies.join(' or ')}"; there were: ${all.map((n) => `${n.title}: ${n.body}`).join(' | ') || 'none'}`)
  }

  /** Hands over a push until its notice has these words: the worker has 2.5 s to learn them and shows the fixed ones where that is not enough. */
  async hears(push, words, fixed) {
    await until(async () => {
      await this.deliver(push)
      return (await this.notice('Confirmation Request', words, fixed)).body === words
    }, `the notice "${words}" in the place of "${fixed}"`)
  }

  /** Waits for the notification about the token. The worker has 2.5 s to pull its words; where that is not enough it shows the fixed ones. */
  async asksToView() {
    const notice = await this.notice('Confirmation Request', 'Acme: view the SCIM token? Open to answer.', 'Open to see and answer it.')
    this.world.figures.count(notice.body.startsWith('Acme') ? 'notices with details' : 'notices with the fixed words')
    return notice
  }

  /** Taps on a notification while the app is not open, and opens what the service worker wants opened. */
  async tapNotice(tag) {
    const worker = await this.worker()
    await until(() => worker.evaluate((tag) => self.registration.getNotifications({ tag }).then((all) => all.length > 0), tag), 'the notification to tap on')
    const address = await worker.evaluate(async (tag) => {
      const [notification] = await self.registration.getNotifications({ tag })
      let opened = ''
      const real = self.clients.openWindow
      self.clients.openWindow = async (to) => { opened = to; return null } // a real one needs a finger
      const tapped = new NotificationEvent('notificationclick', { notification })
      const done = []
      tapped.waitUntil = (work) => { done.push(work) } // the browser's own is for events of its own
      self.dispatchEvent(tapped)
      await Promise.all(done)
      self.clients.openWindow = real
      return opened
    }, tag)
    must(address.startsWith('/#c='), `the notice opens ${address}`)
    await this.goto(address)
  }

  async tell(where, text) { await this.world.control.ask('seen', { where: `${where} of the phone of ${this.name}`, text }) }
}
