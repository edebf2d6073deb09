// Webhooks as the operator's own system sees them: a receiver that knows nothing but the secret from the screen and the Standard Webhooks
// specification, the log of what was sent, sending again, and stopping.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:https'
import { must, same, textOf, until } from './kit/check.mjs'

/** The specification's check: HMAC-SHA-256 over id, timestamp and body; several signatures while a secret is replaced. */
function verified(secret, headers, body) {
  const mac = createHmac('sha256', Buffer.from(secret.replace(/^whsec_/, ''), 'base64')).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest()
  return headers['webhook-signature'].split(' ').some((one) => {
    const [version, text] = one.split(',')
    const given = Buffer.from(text, 'base64')
    return version === 'v1' && given.length === mac.length && timingSafeEqual(given, mac)
  })
}

class Receiver {
  came = []
  answer = 204

  static async open(world) {
    const receiver = new Receiver()
    receiver.server = createServer(await world.control.ask('certificate'), async (request, response) => {
      const parts = []
      for await (const part of request) parts.push(part)
      receiver.came.push({ headers: request.headers, body: Buffer.concat(parts).toString() })
      response.writeHead(receiver.answer).end()
    })
    await new Promise((ready) => receiver.server.listen(0, '127.0.0.1', ready))
    receiver.url = `https://127.0.0.1:${receiver.server.address().port}/countersign`
    return receiver
  }

  close() {
    this.server.closeAllConnections()
    this.server.close()
  }

  next(which, what) { return until(() => this.came.find(which), what) }
}

const typeOf = (one) => JSON.parse(one.body).type

/** The password, when the last time is too long ago. */
export async function withPassword(world, desk, person, call, run) {
  await world.meant([{ status: 403, call }], async () => {
    await run()
    const again = desk.dialog('Enter your password')
    await again.waitFor()
    await again.getByLabel('Password').fill(person.password)
    await again.getByRole('button', { name: 'Continue', exact: true }).click()
    await again.waitFor({ state: 'hidden' })
  })
}

export async function webhooks(world, person) {
  const { desk } = person
  const { page } = desk
  const receiver = await Receiver.open(world)
  let secret = ''
  try {
    await world.step('webhooks: one is added', async () => {
      await world.advance(6 * 60_000) // the last password is too long ago
      await desk.goto('/settings/workspace/developer')
      await page.getByText('No webhooks').waitFor()
      await desk.button('Make an API key').waitFor() // the keys stand above, and move what is below when they come
      await desk.button('Add webhook').click()
      const dialog = desk.dialog('Add webhook')
      await dialog.getByLabel('Address').fill('http://127.0.0.1/')
      await dialog.getByRole('button', { name: 'Add webhook', exact: true }).click()
      await dialog.getByText('Enter an address that begins with https://').waitFor()
      await dialog.getByLabel('Address').fill(receiver.url)
      await withPassword(world, desk, person, /^POST \/v1\/webhooks$/, () => dialog.getByRole('button', { name: 'Add webhook', exact: true }).click())
      const shown = desk.dialog('Signing secret')
      secret = await shown.getByRole('textbox', { name: 'Secret' }).inputValue()
      must(/^whsec_[0-9A-Za-z+/=]{24,}$/.test(secret), 'no secret of the form that the specification names')
      await shown.getByRole('button', { name: 'Done', exact: true }).click()
      await page.getByRole('listitem').filter({ hasText: receiver.url }).getByText('On', { exact: true }).waitFor()
      await desk.look('developer, webhooks')
    })
    const log = desk.dialog('Webhook log')
    await world.step('webhooks: a test arrives, signed', async () => {
      await desk.button('Log').click()
      await log.getByText('Nothing sent yet').waitFor()
      await log.getByRole('button', { name: 'Send test', exact: true }).click()
      const test = await receiver.next((one) => typeOf(one) === 'webhook.test', 'the test')
      must(verified(secret, test.headers, test.body), 'the signature of the test is not right')
      must(!verified(secret, test.headers, `${test.body} `), 'a changed body has the right signature')
      must(!verified(`whsec_${Buffer.from('another secret').toString('base64')}`, test.headers, test.body), 'any secret fits')
      must(Math.abs(Number(test.headers['webhook-timestamp']) * 1000 - Date.now() - world.ahead) < 300_000, 'the timestamp is not that of the service')
      await log.getByText('Delivered', { exact: true }).waitFor()
      await desk.look('developer, webhook log')
    })
    await world.step('webhooks: an event is told, and again when it is asked for', async () => {
      const made = await page.evaluate(() => fetch('/v1/people', { method: 'POST', headers: { 'Content-Type': 'application/json', 'Countersign-Workspace': 'acme' },
        body: JSON.stringify({ name: 'Hana Told', email: 'hana@acme.test', role: 'guest' }) }).then((r) => r.status))
      same(made, 201, 'adding a person')
      const told = await receiver.next((one) => /^user\./.test(typeOf(one)), 'the event of a person')
      must(verified(secret, told.headers, told.body), 'the signature of the event is not right')
      must(!/password|cs_scim_/.test(told.body), 'the event holds a secret')
      await log.getByRole('button', { name: 'Done', exact: true }).click()
      await desk.button('Log').click()
      const row = log.getByRole('listitem').filter({ hasText: typeOf(told) }).first()
      await row.getByText('Delivered', { exact: true }).waitFor()
      await row.getByRole('button', { name: 'Send again', exact: true }).click()
      const id = told.headers['webhook-id']
      await until(() => receiver.came.filter((one) => one.headers['webhook-id'] === id).length > 1, 'the same event once more')
    })
    await world.step('webhooks: a receiver that fails is named', async () => {
      receiver.answer = 503
      await log.getByRole('button', { name: 'Send test', exact: true }).click()
      await until(async () => /answered 503/.test(await textOf(log)), 'the answer 503 in the log')
      receiver.answer = 204
      await log.getByRole('button', { name: 'Done', exact: true }).click()
      await page.reload()
      await desk.button('Make an API key').waitFor()
      await page.getByText('Not reached', { exact: true }).or(page.getByRole('listitem').filter({ hasText: receiver.url }).getByText('On', { exact: true })).first().waitFor()
    })
    await world.step('webhooks: stopped and removed', async () => {
      await desk.button('Stop').click()
      await page.getByText('Stopped', { exact: true }).waitFor()
      await desk.button('Remove').click()
      await desk.dialog('Remove webhook?').getByRole('button', { name: 'Remove', exact: true }).click()
      await page.getByText('No webhooks').waitFor()
    })
  } finally {
    receiver.close()
  }
}
