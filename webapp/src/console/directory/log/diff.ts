// Values of requests and differences as people read them. Pure.

import type { FieldChange } from '../types'

/** A value as text; undefined where there is none. */
export function shown(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return value.join(', ')
  return JSON.stringify(value, null, 2)
}

export type ChangeKind = 'added' | 'removed' | 'changed'

/** Whether a change gives, takes or replaces a value. */
export function kindOf(change: FieldChange): ChangeKind {
  if (shown(change.before) === undefined) return 'added'
  return shown(change.after) === undefined ? 'removed' : 'changed'
}

/** The attribute without the long name of its schema. */
export function attributeName(attribute: string): { schema: string; name: string } {
  const match = /^(urn:.+):([^:]+)$/.exec(attribute)
  return match ? { schema: match[1] ?? '', name: match[2] ?? attribute } : { schema: '', name: attribute }
}

export interface Piece { text: string; kind: 'key' | 'string' | 'word' | 'plain' }

/** JSON cut into pieces for colouring. */
export function pieces(value: unknown): Piece[] {
  const text = JSON.stringify(value, null, 2) ?? ''
  const out: Piece[] = []
  let end = 0
  for (const match of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g)) {
    if (match.index > end) out.push({ text: text.slice(end, match.index), kind: 'plain' })
    const string = match[1]
    if (string === undefined) out.push({ text: match[0], kind: 'word' })
    else {
      out.push({ text: string, kind: match[2] === undefined ? 'string' : 'key' })
      if (match[2] !== undefined) out.push({ text: match[2], kind: 'plain' })
    }
    end = match.index + match[0].length
  }
  if (end < text.length) out.push({ text: text.slice(end), kind: 'plain' })
  return out
}

/** A call for a shell, without the token: whoever runs it puts theirs in. */
export function asCurl(base: string, method: string, target: string, body: unknown): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  const lines = [`curl -X ${method} ${quote(base + target)}`, `  -H 'Authorization: Bearer YOUR_TOKEN'`]
  if (body !== undefined && body !== null) lines.push(`  -H 'Content-Type: application/scim+json'`, `  -d ${quote(typeof body === 'string' ? body : JSON.stringify(body))}`)
  return lines.join(' \\\n')
}
