// The browsers' side of the journeys. It is started by the tests of cmd/countersign, which run the service and everything around it and
// say in COUNTERSIGN_E2E where all that is.
import { addPeople, firstRun, firstSignIn, people } from './j1.mjs'
import { j2 } from './j2.mjs'
import { j3, ways } from './j3.mjs'
import { native, natives } from './j3-native.mjs'
import { closedTab, lateToCollect, twoTabs, wrongRole } from './j3-variants.mjs'
import { j4 } from './j4.mjs'
import { computerOffline, pushLost, restarted } from './j5.mjs'
import { openPairing, pairByLink } from './kit/pairing.mjs'
import { storage } from './kit/storage.mjs'
import { World } from './kit/world.mjs'

const { ana, cleo, ben, dora, emil, finn, gina } = people

/** Which stories a run lives; each begins with an empty database. */
const journeys = {
  async all(world) {
    await firstRun(world)
    await addPeople(world, [cleo, ben, dora, emil, finn, gina])
    await firstSignIn(world, cleo)
    await j2(world)
    await firstSignIn(world, ben)
    await openPairing(ben.desk, ben)
    await pairByLink(ben.desk, ben.mobile = await world.phone(ben.first), ben)
    for (const path of ways) for (const person of [ana, cleo, ben]) await j3(world, person, path)
    await firstSignIn(world, dora)
    await wrongRole(world)
    await twoTabs(world, ben)
    await closedTab(world, ben)
    await lateToCollect(world, ben)
    await j4(world, cleo)
    await pushLost(world, ana)
    await computerOffline(world, ana)
    await restarted(world, ana)
    for (const [kind, person] of natives) {
      await firstSignIn(world, person)
      await native(world, kind, person)
    }
  },
  async once(world) {
    await firstRun(world)
    await j3(world, ana, 'left navigation')
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
try {
  await journeys[told.journeys](world)
  await keptByBrowsers(world)
} catch (error) {
  world.say(`FAILED ${error.stack}`)
  world.say(`pictures and traces (npx playwright-core show-trace …): ${await world.keep()}`)
  process.exitCode = 1
} finally {
  world.figures.print((line) => world.say(line))
  world.say(`screens: ${world.look.seen.size} in ${world.look.folder}, ${world.look.checks} checks by axe`)
  if (world.watch.faults.length > 0) {
    world.say(`${world.watch.faults.length} faults:\n  ${world.watch.faults.join('\n  ')}`)
    process.exitCode = 1
  }
  await world.close()
}
