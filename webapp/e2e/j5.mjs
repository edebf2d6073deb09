// J5: the push is lost, or the network is bad. The row in the service is the truth, so everything ends as it should.
import { itsMe, woken } from './j3.mjs'
import { must, same, textOf, until } from './kit/check.mjs'

const minutes = 60_000
const reconnecting = 'Connection lost. Trying again… your request is still open.'

async function begin(world, person) {
  await world.control.ask('renew-token', { workspace: 'acme', email: person.email })
  await person.mobile.lock()
  await person.desk.goto('/settings/workspace/idp')
  await person.desk.button('View Token').waitFor()
}

async function end(world, person) {
  const { desk } = person
  must(/^cs_scim_[0-9A-Za-z]{49}$/.test(await desk.token()), 'no token')
  await desk.page.keyboard.press('Escape')
  await desk.showToken.waitFor({ state: 'hidden' })
  await world.advance(15 * minutes)
}

/** 1 and 2: the push never arrives; the request is found by opening the app. */
export async function pushLost(world, person) {
  const { desk, mobile: phone } = person
  await world.step('J5.1 after ten seconds without a sign: No notification?', async () => {
    await begin(world, person)
    await world.control.reach(phone.subscription.endpoint, false)
    const asked = performance.now()
    await desk.viewToken()
    await desk.says('We sent a request')
    const hints = await desk.page.getByText('No notification? Open the companion app.').count()
    must(hints === 0 || performance.now() - asked > 10_000, 'the hint at once')
    await desk.context.clock.runFor(11_000)
    await desk.page.getByText('No notification? Open the companion app.').waitFor()
    await desk.look('S5 no notification')
  })
  await world.step('J5.2 the app finds the request by itself', async () => {
    await phone.goto('/')
    await phone.heading('Confirmation Request').waitFor() // a single request opens itself
    await itsMe(desk, phone)
    await end(world, person)
    // The push arrives at last: it must not ask for what is answered already.
    await phone.lock()
    await world.control.reach(phone.subscription.endpoint, true)
    await world.meant([{ status: 409, call: /^GET \/v1\/device\/confirmations\// }], async () => {
      await phone.hears(await phone.pushOfLast('confirm'), 'Already answered', 'Open to see and answer it.')
    })
  })
}

/** 3: the push service says that the phone's registration is dead; the app repairs it when it is opened. */
export async function pushDead(world, person) {
  const { desk, mobile: phone } = person
  const row = desk.page.getByRole('listitem').filter({ hasText: person.phone })
  await world.step('J5.3 the push service answers 410', async () => {
    await begin(world, person)
    await world.control.script(phone.subscription.endpoint, { do: '410' })
    await desk.viewToken()
    const began = performance.now()
    await desk.page.getByRole('alert').filter({ hasText: "We couldn't reach your phone. Open the companion app — the request is waiting there." }).waitFor()
    world.figures.note('410 → web', performance.now() - began)
    await desk.look('S5 not reached')
    const other = await desk.context.newPage()
    await other.goto(`${world.told.console}/profile`)
    await other.getByRole('listitem').filter({ hasText: person.phone }).getByText('Notifications: Not working: permission withdrawn on the phone. Open the companion app there to turn them on again.').waitFor()
    await world.look.at(other, 'S18 notifications broken')
    await other.close()
    await phone.goto('/')
    await phone.heading('Confirmation Request').waitFor()
    await itsMe(desk, phone)
    await end(world, person)
  })
  await world.step('J2.9 the next start of the app repairs it', async () => {
    await phone.goto('/')
    await phone.page.getByText(/^Notifications working/).waitFor()
    await desk.goto('/profile')
    await row.getByText(/^Notifications: (on$|Working · last delivered )/).waitFor()
  })
}

/** 4: the computer loses its network while it waits, in the three ways it can. */
export async function computerOffline(world, person) {
  const { desk, mobile: phone } = person
  const ways = [
    ['cut', reconnecting, () => world.control.ask('line', { line: 'console', mode: 'cut' }), () => world.control.ask('line', { line: 'console', mode: 'open' })],
    ['silent for a heartbeat', reconnecting, async () => {
      await world.control.ask('line', { line: 'console', mode: 'silent' })
      await desk.context.clock.runFor(26_000)
    }, () => world.control.ask('line', { line: 'console', mode: 'open' })],
    ['off', "You're offline. Your request is still open.", () => desk.context.setOffline(true), () => desk.context.setOffline(false)],
  ]
  for (const [how, words, lose, restore] of ways) {
    await world.step(`J5.4 the network is ${how}`, () => world.meant([{ network: true }], async () => {
      await begin(world, person)
      await desk.viewToken()
      await desk.says('We sent a request')
      await lose()
      await desk.waiting.getByText(words).waitFor()
      await desk.look(`S5 ${how}`)
      await woken(world, phone)
      await phone.yes.click()
      await phone.heading('Confirmed. Go back to your computer.').waitFor()
      same(await desk.showToken.count(), 0, 'Show Token without a network')
      const began = performance.now()
      await restore()
      await desk.showToken.waitFor()
      world.figures.note(`restored → Show Token (${how})`, performance.now() - began)
      await end(world, person)
    }))
  }
}

/** 5: something on the way lets no websocket through. */
export async function noWebsocket(world, person) {
  const { desk, mobile: phone } = person
  const polls = async () => (await world.control.exchanges('console', (x) => /^\/v1\/confirmations\/[^/]+\?wait=/.test(x.target))).length
  await world.step('J5.5 a proxy refuses websockets', () => world.meant([{ network: true }], async () => {
    await world.control.ask('line', { line: 'console', mode: 'plain' })
    await begin(world, person)
    const before = await polls()
    await desk.viewToken()
    await desk.says('We sent a request')
    must(await until(async () => (await polls()) > before, 'a poll'), 'no poll')
    await woken(world, phone)
    await desk.says('Opened on')
    world.figures.note('tap → web, polling', await itsMe(desk, phone))
    await world.control.ask('line', { line: 'console', mode: 'open' })
    await end(world, person)
  }))
}

/** 6: many tabs over HTTP/1.1, where a browser opens six connections to a server and no more. */
export async function manyTabs(world, person) {
  const { desk, mobile: phone } = person
  const sockets = async () => new Set((await world.control.exchanges('console', (x) => /\/ws$/.test(x.target))).map((x) => x.target)).size // one may be opened anew
  await world.step('J5.6 eight tabs: each is usable, and the one that waits has a socket', async () => {
    await begin(world, person)
    const before = await sockets()
    const others = []
    for (let n = 1; n < 8; n++) {
      const page = await desk.context.newPage()
      others.push(page)
      await page.goto(`${world.told.console}/settings/workspace/idp`)
      await page.getByRole('button', { name: 'View Token', exact: true }).waitFor()
    }
    same(await sockets(), before, 'sockets of tabs that do not wait')
    await desk.page.bringToFront()
    await desk.viewToken()
    await desk.says('We sent a request')
    for (const page of others) {
      await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'All Members' }).click()
      await page.getByRole('row').filter({ hasText: person.email }).waitFor()
    }
    same(await sockets(), before + 1, 'sockets while one tab waits')
    await woken(world, phone)
    await itsMe(desk, phone)
    for (const page of others) await page.close()
    await end(world, person)
  })
}

/** 7: nobody answers. */
export async function noAnswer(world, person) {
  const { desk, mobile: phone } = person
  const spoken = (words) => desk.waiting.getByText(words).waitFor({ state: 'attached' })
  await world.step('J5.7 nobody answers: spoken at 60 and 30 seconds, and Send again', async () => {
    await begin(world, person)
    await desk.viewToken()
    await desk.says('We sent a request')
    await phone.pushOfLast('confirm') // lies on the phone, and nobody looks
    const left = async () => {
      const [, m, s] = /^(\d+):(\d\d)$/.exec(await textOf(desk.waiting.getByTestId('countdown')))
      return (m * 60 + Number(s)) * 1000
    }
    await world.advance((await left()) - 59_000)
    await spoken('One minute left.')
    await world.advance((await left()) - 29_000)
    await spoken('30 seconds left.')
    await desk.look('S5 30 seconds left')
    await world.advance(30_000)
    await desk.page.getByRole('alert').filter({ hasText: 'No answer within 5 minutes. Nothing was shown.' }).waitFor()
    await desk.look('S5 no answer')
    await desk.waiting.getByRole('button', { name: 'Send again', exact: true }).click()
    const code = await desk.code() // one within ten minutes was not answered
    await woken(world, phone)
    await phone.page.getByLabel('Type the six digits shown on your computer').fill(code)
    await itsMe(desk, phone)
    await end(world, person)
  })
}

/** 8: the service is restarted while a dialog waits. */
export async function restarted(world, person) {
  const { desk, mobile: phone } = person
  await world.step('J5.8 the service is restarted while a dialog waits', () => world.meant([{ network: true }], async () => {
    await begin(world, person)
    await desk.viewToken()
    await desk.says('We sent a request')
    const asked = (await world.control.exchanges('console', (x) => x.method === 'POST' && x.target === '/v1/confirmations')).length
    await world.control.ask('stop')
    await desk.waiting.getByText(reconnecting).waitFor()
    await desk.look('S5 restarting')
    await world.control.ask('start')
    const began = performance.now()
    await until(async () => (await desk.waiting.getByText(reconnecting).count()) === 0, 'the end of the reconnecting')
    world.figures.note('started → dialog live', performance.now() - began)
    await woken(world, phone)
    await itsMe(desk, phone)
    same((await world.control.exchanges('console', (x) => x.method === 'POST' && x.target === '/v1/confirmations')).length, asked, 'requests that were made')
    await end(world, person)
  }))
}
