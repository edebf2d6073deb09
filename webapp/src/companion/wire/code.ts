// Codes that people type: the pairing code K7QX-93MD and the six digits of a request.

const crockford = /[^0-9A-HJKMNP-TV-Z]/g
const codeLength = 8

/** pairingCode brings what was typed or pasted into the normal form K7QX93MD: upper case, I and L read as 1, O as 0. */
export function pairingCode(typed: string): string {
  const upper = typed.toUpperCase().replace(/[IL]/g, '1').replace(/O/g, '0')
  return upper.replace(crockford, '').slice(0, codeLength)
}

export const isPairingCode = (code: string): boolean => code.length === codeLength

/** groupedCode is how a code is shown while it is typed: K7QX-93MD. */
export const groupedCode = (code: string): string => (code.length > 4 ? `${code.slice(0, 4)}-${code.slice(4)}` : code)

/** digits keeps the first six digits of what was typed. */
export const digits = (typed: string): string => typed.replace(/[^0-9]/g, '').slice(0, 6)

/** groupedDigits shows six digits as two groups of three: 482 913. */
export const groupedDigits = (code: string): string => (code.length > 3 ? `${code.slice(0, 3)} ${code.slice(3)}` : code)

/** PairLink is what a pairing link or its QR code carries in the fragment. */
export interface PairLink { id: string; secret: string }

/** pairLink reads #pair=<id>.<secret>, from a fragment or a whole address. */
export function pairLink(address: string): PairLink | null {
  const found = /#pair=([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{8,64})$/.exec(address.trim())
  return found ? { id: found[1]!, secret: found[2]! } : null
}
