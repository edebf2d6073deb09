// The organization's identity provider: npm oidc-provider, with pages of its own, on a port of this machine.
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const secret = 'a secret that the provider and the console share'

/** Its pages, as plain as can be. */
const page = (title, body) => `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><main><h1>${title}</h1>${body}</main></body></html>`

/** What the provider remembers, in memory: its sessions outlive its keys. */
function memory() {
  const kept = new Map()
  return class {
    constructor(kind) { this.kind = kind }

    key(id) { return `${this.kind} ${id}` }

    async upsert(id, payload) { kept.set(this.key(id), payload) }

    async find(id) { return kept.get(this.key(id)) }

    async findByUid(uid) { return [...kept].find(([key, payload]) => key.startsWith(`${this.kind} `) && payload.uid === uid)?.[1] }

    async findByUserCode() { return undefined }

    async consume(id) { kept.set(this.key(id), { ...kept.get(this.key(id)), consumed: Math.floor(Date.now() / 1000) }) }

    async destroy(id) { kept.delete(this.key(id)) }

    async revokeByGrantId(grant) { for (const [key, payload] of kept) if (payload.grantId === grant) kept.delete(key) }
  }
}

export class IdentityProvider {
  clientID = 'console'
  secret = secret
  /** By name: what the provider says of somebody beside their subject. */
  accounts = new Map()
  #down = () => false
  #keys = []
  #memory = memory()

  /** Starts one for a console; `claims` are in the ID token of whoever signs in. */
  static async start(console) {
    const provider = new IdentityProvider()
    provider.console = console
    provider.server = createServer((request, response) => void provider.#answer(request, response))
    await new Promise((ready) => provider.server.listen(0, '127.0.0.1', ready))
    provider.issuer = `http://localhost:${provider.server.address().port}`
    provider.roll()
    return provider
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }

  /** Gives the provider a new key, with which it signs from now on. The old ones stay published for a while, as providers do. */
  roll() {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    this.#keys.unshift({ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' })
    const accounts = this.accounts
    this.oidc = new Provider(this.issuer, {
      jwks: { keys: [...this.#keys] },
      adapter: this.#memory,
      cookies: { keys: ['a key of the story'] },
      clients: [{ client_id: this.clientID, client_secret: secret, redirect_uris: [`${this.console}/v1/sso/callback`], post_logout_redirect_uris: [`${this.console}/v1/sso/signed-out`] }],
      claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
      conformIdTokenClaims: false,
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...accounts.get(sub) }) }),
      // Everybody may use the console: nobody is asked to agree to it.
      loadExistingGrant: async (ctx) => {
        const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
        grant.addOIDCScope('openid profile email')
        await grant.save()
        return grant
      },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      ttl: { Session: 3600, Grant: 3600, Interaction: 3600, AccessToken: 600, IdToken: 600 },
      features: {
        devInteractions: { enabled: false },
        rpInitiatedLogout: { logoutSource: (ctx, form) => { ctx.body = page('Sign out?', `${form}<button type="submit" form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>`) } },
      },
    })
    this.oidc.on('server_error', (_, error) => console.error('identity provider:', error))
  }

  /** Lets the calls that `which` picks by their path go unanswered, until `run` is over. */
  async down(which, run) {
    this.#down = which
    try {
      return await run()
    } finally {
      this.#down = () => false
    }
  }

  async #answer(request, response) {
    const { pathname } = new URL(request.url, this.issuer)
    if (this.#down(pathname)) return void request.socket.destroy()
    if (pathname === '/favicon.ico') return void response.writeHead(204).end()
    if (!pathname.startsWith('/interaction/')) return this.oidc.callback()(request, response)
    if (request.method === 'POST') return this.#signIn(request, response)
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end(page('Acme Login', '<form method="post"><label>User <input name="user" autocomplete="off"></label> <button>Sign in</button></form>'))
  }

  async #signIn(request, response) {
    const body = []
    for await (const part of request) body.push(part)
    const accountId = new URLSearchParams(Buffer.concat(body).toString()).get('user')
    await this.oidc.interactionFinished(request, response, { login: { accountId } }, { mergeWithLastSubmission: false })
  }

  /** Somebody types their name on the provider's page. */
  static async signIn(page, user) {
    await page.getByRole('heading', { name: 'Acme Login' }).waitFor()
    await page.getByLabel('User').fill(user)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }
}
