// Words of the companion. Keys in the catalogues begin with "companion."; here they are used without it.
import en from '../i18n/en-companion.json'

type Strip<K> = K extends `companion.${infer Rest}` ? Rest : never
export type Key = Strip<keyof typeof en>
type PluralBase<K> = K extends `${infer Base}_other` ? Base : never
export type PluralKey = PluralBase<Key>
export type Params = Record<string, string | number>

let words: Record<string, string> = en
let locale = 'en'

/** language is what the words are in now. */
export const language = (): 'en' | 'de' => (/^de\b/i.test(locale) ? 'de' : 'en')

/** load takes the first language of the person that there is a catalogue for. */
export async function load(wanted: readonly string[]): Promise<void> {
  const found = wanted.find((l) => /^(en|de)\b/i.test(l)) ?? 'en'
  words = /^de\b/i.test(found) ? (await import('../i18n/de-companion.json')).default : en
  locale = found
  document.documentElement.lang = found.slice(0, 2).toLowerCase()
}

export function t(key: Key, params: Params = {}): string {
  return fill(words[`companion.${key}`] ?? key, params)
}

/** plural takes the form of a text that fits n. */
export function plural(key: PluralKey, n: number): string {
  const form = new Intl.PluralRules(locale).select(n)
  return fill(words[`companion.${key}_${form}`] ?? words[`companion.${key}_other`] ?? key, { n })
}

export const has = (key: string): key is Key => `companion.${key}` in words

export function fill(text: string, params: Params): string {
  return text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => String(params[name] ?? whole))
}

/** printed is how dates are printed: English as in Britain, "14:02" and "3 May 2026". */
const printed = (): string => (language() === 'de' ? 'de-DE' : 'en-GB')

/** clock is the time of day, with the date when it is another day. */
export function clock(ms: number, now = Date.now()): string {
  const sameDay = new Date(ms).toDateString() === new Date(now).toDateString()
  return new Intl.DateTimeFormat(printed(), sameDay ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }).format(ms)
}

/** dated is the date and the time of day, for a sentence that says "on". */
export const dated = (ms: number): string => new Intl.DateTimeFormat(printed(), { dateStyle: 'medium', timeStyle: 'short' }).format(ms)

/** ago is "just now", "5 minutes ago", then the time. */
export function ago(ms: number, now = Date.now()): string {
  const minutes = Math.floor((now - ms) / 60_000)
  if (minutes < 1) return t('time.now')
  if (minutes < 60) return new Intl.RelativeTimeFormat(printed(), { numeric: 'always' }).format(-minutes, 'minute')
  return clock(ms, now)
}

/** left is a countdown: 4:32. */
export function left(seconds: number): string {
  const s = Math.max(0, Math.ceil(seconds))
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`
}

const shapes: Record<string, string> = { n: '\\d+', span: '\\d+ (?:day|hour|minute|second)s?', hint: '\\S+', scopes: '[a-z; ]+' } // of placeholders that hold no free text

/** sourceOf turns a text with placeholders into the regular expression of all texts that it can become, a group for each; names are those of the placeholders, in their order. */
export function sourceOf(text: string): { source: string; names: string[] } {
  const literal = (s: string) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const pieces = text.split(/\{\{(\w+)\}\}/)
  return { source: pieces.map((s, i) => (i % 2 === 1 ? `(${shapes[s] ?? '.+'})` : literal(s))).join(''), names: pieces.filter((_, i) => i % 2 === 1) }
}

/** spanned says an English length of time, "24 hours", in the person's language; what is none stays. */
export function spanned(length: string): string {
  const [, n, unit] = /^(\d+) (day|hour|minute|second)s?$/.exec(length) ?? []
  return n && unit ? new Intl.NumberFormat(printed(), { style: 'unit', unit, unitDisplay: 'long' }).format(Number(n)) : length
}

/** inline puts a phrase into a sentence: English begins it with a small letter there. */
export const inline = (words: string): string => (locale.startsWith('en') ? words.replace(/^[A-Z](?![A-Z])/, (c) => c.toLowerCase()) : words)
