// Bytes as the wire has them: base64url without padding, UTF-8, and the length-prefixed form that every signature covers.

export type Bytes = Uint8Array<ArrayBuffer>

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text)

/** text reads UTF-8 and refuses anything else, so that what is shown is what was signed. */
export const text = (bytes: Bytes): string => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)

export function b64url(bytes: Bytes): string {
  let binary = ''
  for (const b of bytes) binary += String.fromCharCode(b)
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}

/** unb64url throws on everything that is not base64url without padding, stray bits included. */
export function unb64url(value: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(value)) throw new TypeError('not base64url')
  const bytes = Uint8Array.from(atob(value.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
  if (b64url(bytes) !== value) throw new TypeError('not base64url')
  return bytes
}

export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

/** lp is domain ‖ 0x00 ‖ u32be(len p1) ‖ p1 ‖ …: no part can run into the next (wire.md §2). */
export function lp(domain: string, ...parts: Bytes[]): Bytes {
  const head = utf8(domain)
  const size = parts.reduce((sum, p) => sum + 4 + p.length, head.length + 1)
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  out.set(head)
  let at = head.length + 1
  for (const p of parts) {
    view.setUint32(at, p.length)
    out.set(p, at + 4)
    at += 4 + p.length
  }
  return out
}

export const random = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n))
