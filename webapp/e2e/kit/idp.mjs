// An identity provider: it calls SCIM as Entra ID and Okta do, with a token that somebody copied from the console.
import { same } from './check.mjs'

const agents = { entra: 'Microsoft-Azure-AD-SCIM/1.0', okta: 'Okta SCIM Client 1.0.0' }
const patch = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

export class Provider {
  constructor(world, token, kind = 'entra') {
    this.world = world
    this.authorization = `Bearer ${token}`
    this.kind = kind
  }

  /** One call; its answer with the parsed body. */
  async call(method, path, body) {
    const reply = await fetch(`${this.world.told.console}/v1/scim/v2${path}`, {
      method, body: body === undefined ? undefined : JSON.stringify(body),
      headers: { Authorization: this.authorization, 'User-Agent': agents[this.kind], ...(body !== undefined && { 'Content-Type': 'application/scim+json' }) },
    })
    const text = await reply.text()
    return { status: reply.status, headers: reply.headers, body: text ? JSON.parse(text) : {} }
  }

  /** What its button Test Connection does. */
  async test() {
    const config = await this.call('GET', '/ServiceProviderConfig')
    if (config.status !== 200) return config.status
    return (await this.call('GET', `/Users?filter=${encodeURIComponent('userName eq "nobody-1c7f"')}`)).status
  }

  /** Creates a person and gives their id. */
  async person(first, last, more = {}) {
    const mail = `${first}.${last}@acme.test`.toLowerCase().replaceAll(' ', '')
    const { status, body } = await this.call('POST', '/Users', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: mail, displayName: `${first} ${last}`, name: { givenName: first, familyName: last },
      emails: [{ type: 'work', value: mail, primary: true }], active: true, ...more,
    })
    same(status, 201, `creating ${first} ${last}`)
    return body.id
  }

  async team(name, members = []) {
    const { status, body } = await this.call('POST', '/Groups', { schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName: name, members: members.map((value) => ({ value })) })
    same(status, 201, `creating the team ${name}`)
    return body.id
  }

  /** Turns a person off or on as each of the two writes it. */
  async active(id, on) {
    const operation = this.kind === 'entra' ? { op: 'Replace', path: 'active', value: on ? 'True' : 'False' } : { op: 'replace', value: { active: on } }
    const { status } = await this.call('PATCH', `/Users/${id}`, { schemas: [patch], Operations: [operation] })
    same(status, 200, `active ${on}`)
  }

  change(id, operations) { return this.call('PATCH', `/Users/${id}`, { schemas: [patch], Operations: operations }) }
}

/** Answers on the phone what the computer's dialog waits for, with its six digits where it shows them. */
export async function confirmed(desk, phone) {
  await desk.waiting.waitFor()
  const push = await phone.pushOfLast('confirm')
  await phone.goto(`/#c=${push.payload.cid}`)
  await phone.heading('Confirmation Request').waitFor()
  const field = phone.page.getByLabel('Type the six digits shown on your computer')
  await field.or(phone.yes.and(phone.page.locator(':enabled'))).first().waitFor()
  if (await field.isVisible()) await field.fill(await desk.code())
  await phone.yes.click()
  await desk.waiting.waitFor({ state: 'hidden' })
  await phone.heading('Confirmed. Go back to your computer.').waitFor() // it has kept its answer; before that it would ask again when it is opened
  await phone.lock()
}
