// WebCrypto signs and checks ECDSA as r‖s, the wire has ASN.1 DER: both ways, for P-256 only.
import type { Bytes } from './bytes'

const half = 32

function integer(part: Bytes): number[] {
  let i = 0
  while (i < part.length - 1 && part[i] === 0) i++
  const body = [...part.subarray(i)]
  if (body[0]! & 0x80) body.unshift(0) // a DER integer has a sign
  return [0x02, body.length, ...body]
}

/** derFromRaw turns the 64 bytes r‖s into a DER sequence. */
export function derFromRaw(raw: Bytes): Bytes {
  if (raw.length !== 2 * half) throw new TypeError('a P-256 signature has 64 bytes')
  const body = [...integer(raw.subarray(0, half)), ...integer(raw.subarray(half))]
  return new Uint8Array([0x30, body.length, ...body]) // at most 70 bytes, so one length byte is enough
}

/** rawFromDer reads exactly one DER signature: minimal integers, no trailing bytes. */
export function rawFromDer(der: Bytes): Bytes {
  const bad = () => new TypeError('not a DER signature')
  if (der.length < 8 || der[0] !== 0x30 || der[1] !== der.length - 2) throw bad()
  const raw = new Uint8Array(2 * half)
  let at = 2
  for (const end of [half, 2 * half]) {
    const size = der[at + 1]
    if (der[at] !== 0x02 || !size || at + 2 + size > der.length) throw bad()
    let int = der.subarray(at + 2, at + 2 + size)
    at += 2 + size
    if (int[0]! & 0x80 || (int.length > 1 && int[0] === 0 && !(int[1]! & 0x80))) throw bad()
    if (int[0] === 0) int = int.subarray(1)
    if (int.length > half) throw bad()
    raw.set(int, end - int.length)
  }
  if (at !== der.length) throw bad()
  return raw
}
