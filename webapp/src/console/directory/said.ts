// Sentences of the service in another language. The service writes them in English; the English catalogue has their forms, and the other one
// says the same. What fits no form stays as it was written.

import { clock, day, type Language } from '../../shared/format'

/** A form: what the service writes, with {{places}} for what differs. */
interface Form { key: string; pattern: RegExp; names: string[]; own: number }

export type Catalogue = Readonly<Record<string, string>>

const month = '(?:January|February|March|April|May|June|July|August|September|October|November|December)'

/** What may stand in a place, by its name; anywhere else, anything. */
const shapes: Readonly<Record<string, string>> = {
  at: `\\d{1,2} ${month}(?: \\d{4})? at \\d\\d:\\d\\d UTC`,
  day: `\\d{1,2} ${month} \\d{4}`,
  ago: '(?:less than a minute|\\d+ (?:minute|hour|day)s?) ago',
  span: 'less than a minute|\\d+ (?:minute|hour|day)s?',
  calls: '\\d+ calls?',
  people: '\\d+ (?:people|person)',
  often: 'once|\\d+ times',
  n: '\\d+',
  hint: '[^\\s).]+',
  attribute: '\\S+',
  path: '\\S+',
  source: '"[^"]*"',
  field: '"[^"]*"',
  did: '(?:added|removed|named|changed) .+',
  attributes: 'something|[^ ]+(?:, [^ ]+)*(?: and (?:\\d+ more attributes|[^ ]+))?',
  who: '(?:(?! (?:added|removed|named) \\d).)+',
}

function shapeOf(name: string): string {
  return shapes[name.replace(/\d+$/, '')] ?? '.+?'
}

const place = /\{\{(\w+)\}\}/

function form(key: string, english: string): Form {
  const parts = english.split(place)
  const names = parts.filter((_, i) => i % 2 === 1)
  const source = parts.map((part, i) => (i % 2 === 1 ? `(${shapeOf(part)})` : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
  return { key, pattern: new RegExp(`^${source.join('')}$`, 's'), names, own: parts.filter((_, i) => i % 2 === 0).join('').length }
}

/** How one language says what stands in a place. */
export interface Speech {
  at(text: string): string
  count(text: string): string
  and: string
  more(n: string): string
}

/** Gives the translation of a sentence, or null where it has no form. */
export function translator(english: Catalogue, other: Catalogue, speech: Speech): (text: string) => string | null {
  // The form with the most words of its own is tried first: it says the most.
  const forms = Object.entries(english).map(([key, text]) => form(key, text)).sort((a, b) => b.own - a.own)
  const known = new Map<string, string | null>()
  const whole = (text: string): string | null => {
    for (const { key, pattern, names } of forms) {
      const found = pattern.exec(text)
      if (!found) continue
      const values: Record<string, string> = {}
      let fits = true
      names.forEach((name, i) => {
        const said = inPlace(name, found[i + 1] ?? '')
        if (said === null) fits = false
        else values[name] = said
      })
      if (fits) return (other[key] ?? text).replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '')
    }
    return null
  }
  const inPlace = (name: string, text: string): string | null => {
    switch (name.replace(/\d+$/, '')) {
      case 'at': case 'day': return speech.at(text)
      case 'ago': case 'span': case 'calls': case 'people': case 'often': return speech.count(text)
      case 'who': case 'whom': return word(text)
      case 'story': return whole(text)
      case 'detail': return whole(text) ?? text
      case 'attributes': return word(text.replace(/ and (\d+) more attributes$/, (_, n: string) => speech.more(n)).replace(/ and /g, speech.and))
      case 'did': return pieces(text)
    }
    return text
  }
  /** A name stays as it is; the words for somebody without one are said. */
  const word = (text: string): string => {
    for (const { key, pattern, names } of forms) {
      if (!key.startsWith('sync.word.')) continue
      const found = pattern.exec(text)
      if (found) return (other[key] ?? text).replace(/\{\{(\w+)\}\}/g, (_, name: string) => found[names.indexOf(name) + 1] ?? '')
    }
    return text
  }
  /** What was done to a team, one thing after the other. */
  const pieces = (text: string): string | null => {
    const said = text.split(/ and (?=(?:added|removed|named) \d|changed )/).map((piece) => {
      const one = forms.find(({ key, pattern }) => key.startsWith('sync.did.') && pattern.test(piece))
      return one ? whole(piece) : null
    })
    return said.includes(null) ? null : said.join(speech.and)
  }
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const said = whole(text)
    if (known.size > 5000) known.clear()
    known.set(text, said)
    return said
  }
}

const months: Readonly<Record<string, string>> = { January: 'Januar', February: 'Februar', March: 'März', May: 'Mai', June: 'Juni', July: 'Juli', October: 'Oktober', December: 'Dezember' }
const units: Readonly<Record<string, [string, string]>> = { minute: ['Minute', 'Minuten'], hour: ['Stunde', 'Stunden'], day: ['Tag', 'Tage'], call: ['Aufruf', 'Aufrufe'], person: ['Person', 'Personen'] }

export const german: Speech = {
  and: ' und ',
  more: (n) => ` und ${n} weitere Attribute`,
  at: (text) => text.replace(/^(\d{1,2}) (\w+)/, (_, day: string, name: string) => `${day}. ${months[name] ?? name}`).replace(' at ', ' um '),
  count(text) {
    if (text === 'once') return 'einmal'
    const times = /^(\d+) times$/.exec(text)
    if (times) return `${times[1]}-mal`
    const ago = / ago$/.test(text)
    const bare = text.replace(/ ago$/, '')
    if (bare === 'less than a minute') return ago ? 'vor weniger als einer Minute' : 'weniger als eine Minute'
    const [, n = '', unit = ''] = /^(\d+) (\w+?)s?$/.exec(bare.replace('people', 'person')) ?? []
    const [one, many] = units[unit] ?? ['', '']
    const said = `${n} ${n === '1' ? one : many}`
    return ago ? `vor ${said}${said.endsWith('Tage') ? 'n' : ''}` : said
  },
}

/** How the service's sentences name a time, as a pattern: of what is long ago they say the year too. */
function named(at: Date, language: Language): string {
  const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', timeZone: 'UTC' }).format(at)
  const english = `${date}(?: ${at.getUTCFullYear()})? at ${at.toISOString().slice(11, 16)} UTC`
  return (language === 'de' ? german.at(english) : english).replace('.', '\\.')
}

/** A time by this computer's clock, as it reads in a sentence: "3 May 2026 at 14:02". */
export function spoken(at: Date, language: Language): string {
  return `${day(at, language)} ${language === 'de' ? 'um' : 'at'} ${clock(at, language)}`
}

/** A sentence cut where it names one of these times. What it names otherwise stays in UTC, and says so. */
export function timed(text: string, times: readonly string[], language: Language): (string | Date)[] {
  let out: (string | Date)[] = [text]
  for (const time of times) {
    const at = new Date(time)
    const name = new RegExp(`(?<!\\d)${named(at, language)}`)
    out = out.flatMap((piece) => (typeof piece === 'string' ? piece.split(name).flatMap((part, i) => (i === 0 ? [part] : [at, part])) : [piece]))
  }
  return out.filter((piece) => piece !== '')
}
