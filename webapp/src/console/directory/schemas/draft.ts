// A schema that is being written, and what would be refused about it. Pure.

import type { Key } from '../../i18n'
import type { NewSchema, OwnSchema, SchemaAttribute } from '../types'

export const mostSchemas = 20
export const mostAttributes = 100

export const kindNames: Record<OwnSchema['resource_type'], Key> = { User: 'console.schemas.of_people', Group: 'console.schemas.of_teams' }

export const types: readonly SchemaAttribute['type'][] = ['string', 'boolean', 'integer', 'decimal', 'dateTime', 'reference', 'binary', 'complex']

/** One line of the form. `values` and `parts` are typed as text: one a line. */
export interface AttributeDraft { name: string; type: SchemaAttribute['type']; several: boolean; exact: boolean; description: string; values: string; parts: string }

export interface SchemaDraft { kind: OwnSchema['resource_type']; name: string; urn: string | null; description: string; attributes: AttributeDraft[] }

export const noAttribute: AttributeDraft = { name: '', type: 'string', several: false, exact: false, description: '', values: '', parts: '' }

export const noSchema: SchemaDraft = { kind: 'User', name: '', urn: null, description: '', attributes: [noAttribute] }

/** The URN that a name suggests, for as long as nobody has typed one. */
export function urnOf({ urn, name, kind }: Pick<SchemaDraft, 'urn' | 'name' | 'kind'>): string {
  if (urn !== null) return urn
  const part = name.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase().replace(/[^a-z0-9]+/g, '')
  return part ? `urn:ietf:params:scim:schemas:extension:${part}:2.0:${kind}` : ''
}

const nameForm = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/
const partForm = /^([A-Za-z][A-Za-z0-9_-]{0,63})(?:\s*:\s*(\w+))?$/

const lines = (text: string) => text.split('\n').map((line) => line.trim()).filter(Boolean)

/** What is wrong with one attribute, if anything. */
export function mistake(one: AttributeDraft, all: readonly AttributeDraft[]): Key | null {
  if (!one.name.trim()) return 'console.required'
  if (!nameForm.test(one.name.trim())) return 'console.schemas.bad_name'
  if (all.some((other) => other !== one && other.name.trim().toLowerCase() === one.name.trim().toLowerCase())) return 'console.schemas.twice'
  if (one.type !== 'complex') return null
  const parts = lines(one.parts)
  if (parts.length === 0) return 'console.schemas.no_parts'
  return parts.every((part) => { const found = partForm.exec(part); return found && isSimple(found[2] ?? 'string') }) ? null : 'console.schemas.bad_parts'
}

function isSimple(type: string): boolean {
  return type !== 'complex' && (types as readonly string[]).includes(type)
}

/** The draft as the service takes it. */
export function asSchema(draft: SchemaDraft): NewSchema {
  const description = draft.description.trim()
  return { resource_type: draft.kind, urn: urnOf(draft).trim(), name: draft.name.trim(), ...(description && { description }), attributes: draft.attributes.map(asAttribute) }
}

function asAttribute(one: AttributeDraft): SchemaAttribute {
  const description = one.description.trim()
  const values = lines(one.values)
  return {
    name: one.name.trim(), type: one.type,
    ...(one.several && { multi_valued: true }),
    ...(one.exact && one.type === 'string' && { case_exact: true }),
    ...(description && { description }),
    ...(values.length > 0 && one.type === 'string' && { canonical_values: values }),
    ...(one.type === 'complex' && { sub_attributes: lines(one.parts).map(asPart) }),
  }
}

function asPart(line: string): SchemaAttribute {
  const [, name = '', type = 'string'] = partForm.exec(line) ?? []
  return { name, type: type as SchemaAttribute['type'] }
}
