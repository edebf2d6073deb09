// What was typed into the first steps of the set-up. It outlives a reload, but for the code and the password: those are kept nowhere.

import { keepSetupDraft, setupDraft } from '../workspace'

export type Named = 'code' | 'workspace' | 'slug' | 'name' | 'email'

/** `slug` is null as long as nobody has typed one: then it follows the name. */
export interface Draft { step: number; code: string; workspace: string; slug: string | null; name: string; email: string }

export const noDraft: Draft = { step: 0, code: '', workspace: '', slug: null, name: '', email: '' }

/** acme-gmbh from "Acme GmbH" */
export function slugFrom(name: string): string {
  return name.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40)
}

export function slugOf({ slug, workspace }: Pick<Draft, 'slug' | 'workspace'>): string {
  return slug ?? slugFrom(workspace)
}

/** Which of these fields are empty. */
export function missing(draft: Draft, fields: readonly Named[]): Named[] {
  return fields.filter((field) => !(field === 'slug' ? slugOf(draft) : draft[field]).trim())
}

/** The draft that a text holds; nothing typed where it holds none. */
export function parseDraft(text: string): Draft {
  try {
    const kept = JSON.parse(text) as Record<string, unknown>
    const word = (name: string) => (typeof kept[name] === 'string' ? kept[name].slice(0, 300) : '')
    const step = typeof kept['step'] === 'number' && [0, 1, 2].includes(kept['step']) ? kept['step'] : 0
    return { step, code: '', workspace: word('workspace'), slug: typeof kept['slug'] === 'string' ? word('slug') : null, name: word('name'), email: word('email') }
  } catch {
    return noDraft
  }
}

export const readDraft = (): Draft => parseDraft(setupDraft())

export function writeDraft({ code: _code, ...draft }: Draft): void {
  keepSetupDraft(JSON.stringify(draft))
}
