// The organization's SAML provider: npm samlp, with a page of its own. It is at 127.0.0.1 while the console is at localhost, so that for the
// browser the two are different sites, as they are in life.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const samlp = createRequire(import.meta.url)('samlp')

const page = (title, body) => `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><main><h1>${title}</h1>${body}</main></body></html>`
const month = 30 * 24 * 3600

/** What samlp asks of somebody: a name that stays, and attributes. */
function Claims(user) {
  return { getClaims: () => user.claims, getNameIdentifier: () => ({ nameIdentifier: user.id, nameIdentifierFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' }) }
}
Claims.prototype.metadata = []

export class SAMLProvider {
  /** By name: their lasting id and their attributes. */
  accounts = new Map()
  /** The forms that browsers were given, the newest last. */
  given = []

  /** Starts one that signs with key, for a console whose metadata it has read. */
  static async start(control) {
    const provider = new SAMLProvider()
    provider.control = control
    provider.server = createServer((request, response) => void provider.#answer(request, response))
    await new Promise((ready) => provider.server.listen(0, '127.0.0.1', ready))
    provider.url = `http://127.0.0.1:${provider.server.address().port}`
    provider.issuer = `${provider.url}/saml`
    provider.signs = await provider.key(20)
    provider.keys = [provider.signs]
    return provider
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }

  /** A new key, whose certificate ends after so many days. */
  key(days) { return this.control.ask('saml-key', { ms: days * 86_400_000 }) }

  /** Reads the console's metadata, as a provider does that is set up with it: from then on requests have to be signed with a key in there. */
  async learn(metadata) {
    const text = await (await fetch(metadata)).text()
    this.partners = [...text.matchAll(/<ds:X509Certificate>([^<]+)</g)].map(([, body]) => `-----BEGIN CERTIFICATE-----\n${body.replace(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`)
    this.acs = /AssertionConsumerService[^>]*Location="([^"]+)"/.exec(text)[1]
    return this.partners.length
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.url)
    if (url.pathname === '/favicon.ico') return void response.writeHead(204).end()
    if (url.pathname === '/metadata') return this.#metadata(request, response)
    if (request.method !== 'POST') {
      response.writeHead(200, { 'content-type': 'text/html' })
      return void response.end(page('Acme SAML', '<form method="post"><label>User <input name="user" autocomplete="off"></label> <button>Sign in</button></form>'))
    }
    const body = []
    for await (const part of request) body.push(part)
    const user = this.accounts.get(new URLSearchParams(Buffer.concat(body).toString()).get('user'))
    await this.#signIn(Object.fromEntries(url.searchParams), user, response)
  }

  #metadata(request, response) {
    const more = this.keys.slice(1).map(({ cert }) => `<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${cert.replace(/-----[^-]+-----|\s/g, '')}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`)
    const send = (text) => {
      response.writeHead(200, { 'content-type': 'application/samlmetadata+xml' })
      response.end(String(text).replace('</KeyDescriptor>', `</KeyDescriptor>${more.join('')}`))
    }
    const shown = Object.assign(request, { protocol: 'http', originalUrl: '/metadata' })
    samlp.metadata({ issuer: this.issuer, cert: this.keys[0].cert, profileMapper: Claims, redirectEndpointPath: '/sso', postEndpointPath: '/sso' })(shown, { set: () => undefined, send })
  }

  /** Answers a request that one of the partner's keys has signed. */
  async #signIn(query, user, response) {
    const faults = []
    for (const signingCert of this.partners) {
      const fault = await new Promise((done) => {
        const send = (text) => {
          this.given.push({ SAMLResponse: / value="([^"]+)"/.exec(text)[1], RelayState: query.RelayState })
          response.writeHead(200, { 'content-type': 'text/html' })
          response.end(text)
          done(null)
        }
        samlp.auth({ issuer: this.issuer, cert: this.signs.cert, key: this.signs.key, deflate: true, signingCert, lifetimeInSeconds: month, recipient: this.acs, destination: this.acs,
          profileMapper: Claims, getUserFromRequest: () => user, getPostURL: (audience, dom, _, callback) => callback(null, dom.documentElement.getAttribute('AssertionConsumerServiceURL')) })(
          { method: 'GET', query, headers: {} }, { set: () => undefined, send }, (error) => done(error ?? new Error('no answer')))
      })
      if (!fault) return
      faults.push(fault.message)
    }
    response.writeHead(400, { 'content-type': 'text/html' })
    response.end(page('Not signed by the console', faults.map((f) => `<p>${f.replace(/[<&]/g, '')}</p>`).join('')))
  }

  /** Somebody types their name on the provider's page. */
  static async signIn(page, user) {
    await page.getByRole('heading', { name: 'Acme SAML' }).waitFor()
    await page.getByLabel('User').fill(user)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }
}
