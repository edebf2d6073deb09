// The browsers' side of the journeys. It is started by the tests of cmd/countersign, which run the service and everything around it and
// say in COUNTERSIGN_E2E where all that is. `go test ./cmd/countersign -run Journey -v` lives them all; on the way to that
//   COUNTERSIGN_E2E_JOURNEYS=j4,j5   lives these alone
//   COUNTERSIGN_E2E_LOOK=no          leaves out axe and the pictures of every screen
//   COUNTERSIGN_E2E_LOG=file         keeps the service's log
//   COUNTERSIGN_SCREENSHOTS=1        takes the pictures of the README anew
import { addPeople, firstRun, firstSignIn, onlyAPasskey, people } from './j1.mjs'
import { j2, notificationsWork, tooManyPhones } from './j2.mjs'
import { j3, ways } from './j3.mjs'
import { native, natives } from './j3-native.mjs'
import { j7 } from './j7.mjs'
import { j7later } from './j7-later.mjs'
import { closedTab, lateToCollect, twoTabs, wrongRole } from './j3-variants.mjs'
import { g1, g2 } from './guards.mjs'
import { j4, reported, tooMany } from './j4.mjs'
import { computerOffline, manyTabs, noAnswer, noWebsocket, pushDead, pushLost, restarted } from './j5.mjs'
import { j6, unanswered } from './j6.mjs'
import { j10 } from './j10.mjs'
import { j11 } from './j11.mjs'
import { j12 } from './j12.mjs'
import { j8 } from './j8.mjs'
import { j9 } from './j9.mjs'
import { keepCodes, openPairing, pairByLink } from './kit/pairing.mjs'
import { storage } from './kit/storage.mjs'
import { mails } from './mails.mjs'
import { markedUp } from './markup.mjs'
import { others } from './others.mjs'
import { passkey } from './passkey.mjs'
import { rights } from './rights.mjs'
import { saml } from './saml.mjs'
import { sso } from './sso.mjs'
import { vitals } from './vitals.mjs'
import { webhooks } from './webhooks.mjs'
import { World } from './kit/world.mjs'

const { ana, cleo, ben, dora, emil, finn, gina } = people

/** Somebody who is signed in on a computer and has a phone. */
async function ready(world, person) {
  if (!person.desk) await firstSignIn(world, person)
  if (person.mobile) return
  person.mobile = await world.phone(person.first)
  await world.step(`people: ${person.name} pairs a phone`, async () => {
    await openPairing(person.desk, person)
    await pairByLink(person.desk, person.mobile, person)
    person.codes = await keepCodes(person.desk)
  })
}

async function j1(world, way) {
  const began = world.lived()
  await firstRun(world, way)
  world.figures.note('J1', world.lived() - began)
}

/** The journeys, in this order; each makes ready whom it needs. */
const journeys = {
  async j2(world) {
    await firstSignIn(world, cleo)
    await j2(world)
  },
  async j3(world) {
    for (const path of ways)
      for (const person of [ana, cleo, ben]) {
        await ready(world, person)
        await j3(world, person, path)
      }
    await notificationsWork(world, cleo)
  },
  async variants(world) {
    await firstSignIn(world, dora)
    await wrongRole(world)
    await ready(world, ben)
    for (const variant of [twoTabs, closedTab, lateToCollect]) await variant(world, ben)
  },
  async j4(world) {
    await ready(world, cleo)
    await j4(world, cleo)
    await tooMany(world, cleo)
    await reported(world, cleo, ana)
  },
  async j5(world) {
    const began = world.lived()
    for (const trouble of [pushLost, pushDead, computerOffline, noWebsocket, manyTabs, noAnswer, restarted]) await trouble(world, ana)
    world.figures.note('J5', world.lived() - began)
  },
  async native(world) {
    for (const [kind, person] of natives) {
      await firstSignIn(world, person)
      await native(world, kind, person)
    }
    await tooManyPhones(world, finn)
  },
  markup: markedUp,
  others,
  async directory(world) { // J8 to J10: from no call at all to why somebody is not here
    await ready(world, ana)
    const idp = await j8(world, ana)
    await j9(world, ana, idp)
    await ready(world, ben)
    await j10(world, ana, ben, idp)
  },
  vitals: (world) => vitals(world, ana),
  webhooks: (world) => webhooks(world, ana),
  passkey: (world) => passkey(world, ana),
  saml: (world) => saml(world, { ana, emil }),
  async j7(world) {
    await ready(world, ana)
    await j7(world, ana)
  },
  async j12(world) { // after J3: it looks for tokens that were viewed
    if (!dora.desk) await firstSignIn(world, dora)
    await ready(world, ana)
    await j12(world, ana, dora)
  },
  async guards(world) {
    await g1(world, ana)
    await ready(world, ben)
    await g2(world, ben)
  },
  async j6(world) { // late: at its end a day passes, and everybody's session with it
    for (const person of [ben, cleo]) await ready(world, person)
    await world.advance(3600_000) // ten requests an hour are the most, and Ben has made some
    const began = world.lived()
    await j6(world, ben, cleo)
    world.figures.note('J6', world.lived() - began)
    await unanswered(world, ben, cleo)
    for (const person of [ana, dora]) if (person.desk) await person.desk.signIn(person)
  },
  mails: (world) => mails(world, ana),
  async later(world) { // three months pass, and everybody's session with them
    for (const person of [ana, cleo, ben]) {
      await ready(world, person)
      await person.mobile.lock()
    }
    await world.mailOn()
    await world.advance(3600_000)
    await j7later(world, { ana, cleo, ben })
    await world.step('people: everybody is back, with their phones', async () => {
      for (const person of [cleo, ben]) await person.mobile.seen()
      for (const person of [cleo, ben, dora]) if (person.desk) await person.desk.signIn(person)
    })
  },
  async j11(world) { // the last: the Owner is taken away
    for (const person of [ana, cleo]) await ready(world, person)
    if (!dora.desk) await firstSignIn(world, dora)
    await j11(world, { owner: ana, leaver: dora, second: cleo })
  },
}

/** Lived when it is named alone, and in a run of its own. */
const alone = {
  async rights(world) { // at its end a day passes
    for (const person of [ana, cleo]) await ready(world, person)
    await rights(world, { ana, cleo })
  },
  async sso(world) { // before the clock is moved: the provider has the real one, and its tokens last an hour
    await firstSignIn(world, ben)
    await sso(world, { ana, ben, gina })
  },
}

/** What the tests ask for; to work on one journey, name it in COUNTERSIGN_E2E_JOURNEYS. */
const runs = {
  async all(world) {
    await j1(world)
    await addPeople(world, [cleo, ben, dora, emil, finn, gina])
    const chosen = (process.env.COUNTERSIGN_E2E_JOURNEYS ?? Object.keys(journeys).join()).split(',')
    for (const name of chosen) {
      const began = Date.now()
      await (journeys[name] ?? alone[name])(world)
      world.say(`${name} lived in ${((Date.now() - began) / 1000).toFixed(1)} s`)
    }
  },
  async once(world) {
    await j1(world, 'passkey')
    await onlyAPasskey(world)
    await addPeople(world, [ben, gina])
    await alone.sso(world)
    world.look.open = false // the screens are the same on every database
    await j3(world, ana, 'left navigation')
    await lateToCollect(world, ana)
  },
}

/** Hands everything that the browsers still keep to the search for secrets. */
async function keptByBrowsers(world) {
  for (const desk of world.desks) {
    await desk.tell('storage', (await storage(desk.page)).text)
    await desk.tell('cookies', JSON.stringify(await desk.context.cookies()))
  }
  for (const phone of world.phones.filter((p) => p.context.pages().length > 0)) {
    await phone.goto('/')
    await phone.tell('storage', (await storage(phone.page)).text)
  }
}

const told = JSON.parse(process.env.COUNTERSIGN_E2E ?? '{}')
if (!told.console) {
  console.error('e2e: this is started by `go test ./cmd/countersign -run Journey`, which runs the service')
  process.exit(2)
}

const world = await World.open(told)
let failed = ''
try {
  await runs[told.journeys](world)
  await world.meant([{ status: 401, call: /^GET \/v1\/device\b/ }], () => keptByBrowsers(world)) // a phone that was removed asks once more: for requests, notices, its push
} catch (error) {
  failed = `FAILED ${error.stack}`
  world.say(failed)
  world.say(`pictures and traces (npx playwright-core show-trace …): ${await world.keep()}`)
  process.exitCode = 1
} finally {
  world.figures.print((line) => world.say(line))
  world.say(`screens: ${world.look.seen.size} on ${world.look.sheet()}, ${world.look.checks} checks by axe, ${(world.look.spent / 1000).toFixed(0)} s`)
  if (world.watch.faults.length > 0) {
    world.say(`${world.watch.faults.length} faults:\n  ${world.watch.faults.join('\n  ')}`)
    process.exitCode = 1
  }
  if (failed) world.say(failed) // again, for whoever is shown the end alone
  await world.close()
}
