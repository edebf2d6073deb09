// An auditor's link: an API key that reads the activity and the provisioning log and nothing else, in the part of an address that no browser
// sends. The page keeps it for its tab and shows it with each call.

const form = /^(cs_key_[0-9A-Za-z]{49})(?:\.(\d{9,11}))?$/

/** What the key of a link may do, no more and no less. */
export const auditorScopes = ['log:read', 'audit:read']

/** What a key's name begins with, so that it is told from the keys of programs wherever keys are named. */
export const auditorName = 'Auditor link: '

export interface AuditorLink {
  key: string
  /** When the service ends it, as far as the link says so. */
  until?: string
}

/** Reads the secret part of a link; null where it is none. */
export function readLink(text: string): AuditorLink | null {
  const [, key, seconds] = form.exec(text) ?? []
  if (!key) return null
  return seconds ? { key, until: new Date(Number(seconds) * 1000).toISOString() } : { key }
}

export function linkAddress(origin: string, slug: string, key: string, expiresAt: string): string {
  return `${origin}/w/${slug}/auditor#${key}.${Math.floor(new Date(expiresAt).getTime() / 1000)}`
}

/** Whether a key is an auditor's link: the scopes decide, not the name. */
export function isAuditorKey(scopes: string[]): boolean {
  return scopes.length === auditorScopes.length && auditorScopes.every((scope) => scopes.includes(scope))
}

/** The name without what all of them begin with. */
export function auditorOf(name: string): string {
  return name.startsWith(auditorName) ? name.slice(auditorName.length) : name
}

const kept = (slug: string) => `countersign.auditor.${slug}`

/** Keeps the secret for this tab, so that a reload shows the page again; without storage the link is opened again. */
export function keepLink(slug: string, text: string): void {
  try {
    sessionStorage.setItem(kept(slug), text)
  } catch { /* it holds until the page is left */ }
}

export function keptLink(slug: string): string {
  try {
    return sessionStorage.getItem(kept(slug)) ?? ''
  } catch {
    return ''
  }
}
