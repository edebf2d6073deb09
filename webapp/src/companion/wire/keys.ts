// The phone's P-256 keys. They are made here, cannot be exported, and only ever sign.
import { lp, sha256, type Bytes } from './bytes'
import { derFromRaw, rawFromDer } from './der'

const curve = { name: 'ECDSA', namedCurve: 'P-256' }
const ecdsa = { name: 'ECDSA', hash: 'SHA-256' }

/** newKey makes a key pair whose private half never leaves this browser profile. */
export function newKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(curve, false, ['sign', 'verify']) as Promise<CryptoKeyPair>
}

export async function spki(key: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.exportKey('spki', key))
}

/** sign signs message in ASN.1 DER. */
export async function sign(key: CryptoKey, message: Bytes): Promise<Bytes> {
  return derFromRaw(new Uint8Array(await crypto.subtle.sign(ecdsa, key, message)))
}

/** verify says whether der is the signature over message by the key in SPKI form; whatever cannot be read is no signature. */
export async function verify(key: Bytes, message: Bytes, der: Bytes): Promise<boolean> {
  try {
    const pub = await crypto.subtle.importKey('spki', key, curve, false, ['verify'])
    return await crypto.subtle.verify(ecdsa, pub, rawFromDer(der), message)
  } catch {
    return false
  }
}

/** isKey says whether bytes are a P-256 public key in SPKI form. */
export async function isKey(key: Bytes): Promise<boolean> {
  return crypto.subtle.importKey('spki', key, curve, false, ['verify']).then(() => true, () => false)
}

/** sas is the six digits that both screens show (wire.md §3.4): the first 8 bytes of the hash modulo 10⁶. */
export async function sas(pairing: Bytes, uv: Bytes, poll: Bytes, server: Bytes): Promise<string> {
  const hash = await sha256(lp('countersign/sas/v1', pairing, uv, poll, server))
  const first = new DataView(hash.buffer).getBigUint64(0)
  return (first % 1_000_000n).toString().padStart(6, '0')
}
