// "Unlock for It's me!": the phone's own unlock (fingerprint, face or PIN), asked for before an approval is signed. It keeps a phone that lies
// about unlocked from confirming by a stranger's tap. The server is not told (wire.md §2: a browser's keys are "software", uv is "none").
import { choose, pref } from './prefs'
import { random } from './wire/bytes'

/** Whether this phone can be asked for its unlock here. A credential belongs to a host name, so an address of numbers has none. */
export async function canLock(): Promise<boolean> {
  if (!('PublicKeyCredential' in globalThis) || /^[\d.]+$|^\[/.test(location.hostname)) return false
  return PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false)
}

export const locked = async (): Promise<boolean> => (await pref('unlock')) !== undefined

/** lock makes the credential that is asked for from now on; it says false when the person turned back. */
export async function lock(name: string): Promise<boolean> {
  const made = await navigator.credentials.create({
    publicKey: {
      rp: { name: 'Countersign' }, user: { id: random(16), name, displayName: name }, challenge: random(32),
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }, { type: 'public-key', alg: -257 }],
      authenticatorSelection: { authenticatorAttachment: 'platform', residentKey: 'discouraged', userVerification: 'required' }, timeout: 60_000,
    },
  }).catch(() => null)
  if (!(made instanceof PublicKeyCredential)) return false
  await choose('unlock', made.rawId)
  return true
}

const verified = 0x04 // flag of authenticator data: the person was verified, not only present

/** unlocked asks for the unlock where it was chosen; true when there is nothing to ask or the person passed it. */
export async function unlocked(): Promise<boolean> {
  const id = await pref('unlock')
  if (id === undefined) return true
  const given = await navigator.credentials.get({
    publicKey: { challenge: random(32), allowCredentials: [{ type: 'public-key', id, transports: ['internal'] }], userVerification: 'required', timeout: 60_000 },
  }).catch(() => null)
  if (!(given instanceof PublicKeyCredential)) return false
  const data = new Uint8Array((given.response as AuthenticatorAssertionResponse).authenticatorData)
  return ((data[32] ?? 0) & verified) !== 0
}

/** unlock takes the demand away; whoever holds the phone has to pass it once more. */
export async function unlock(): Promise<boolean> {
  if (!(await unlocked())) return false
  await choose('unlock', undefined)
  return true
}
