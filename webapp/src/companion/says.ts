// The sentence with which the server says what is asked for is English and signed. Here it is said in the language of the person, part by part;
// where a part is not known, the whole sentence stays as it came.
import { has, language, sourceOf, spanned, t, type Key, type Params } from './i18n'
import en from '../i18n/en-companion.json'

interface Part { key: Key; form: RegExp; names: string[] }

let parts: Part[] | undefined

/** known are the English forms of what the server says; one that says more comes before one that would take it for a name. */
function known(): Part[] {
  parts ??= Object.entries(en).flatMap(([name, words]) => {
    const key = name.replace('companion.', '')
    return /^(says|action)\./.test(key) && has(key) ? [{ key, ...sourceOf(words) }] : []
  }).sort((a, b) => b.form.source.length - a.form.source.length)
  return parts
}

const separator = /(\. |: |, )/
const because = /^(.+?)\. Reason: (.+)$/ // the reason is chosen from a list, or somebody's own words

/** said is the sentence in the person's language; undefined where it cannot all be said in it. */
export function said(sentence: string): string | undefined {
  if (language() === 'en') return sentence
  const [, what, why] = because.exec(sentence) ?? []
  if (what && why) {
    const before = said(what)
    return before && `${before}. ${t('says.reason')}: ${one(why) ?? why}`
  }
  const out = sentence.split(separator).map((part, i) => (i % 2 === 1 || /^\d+$/.test(part) ? part : one(part)))
  return out.includes(undefined) ? undefined : out.join('')
}

function one(part: string): string | undefined {
  for (const { key, form, names } of known()) {
    const found = form.exec(part)
    if (!found) continue
    const params: Params = {}
    names.forEach((name, i) => { params[name] = name === 'span' ? spanned(found[i + 1]!) : found[i + 1]! })
    return t(key, params)
  }
  return undefined
}
