// What the screens say, in the language of a browser: the catalogues themselves, so that a journey can be lived in any of them.
import { readFileSync } from 'node:fs'

const catalogue = (language, part) => JSON.parse(readFileSync(new URL(`../../src/i18n/${language}-${part}.json`, import.meta.url), 'utf8'))

export class Words {
  constructor(language = 'en') {
    this.all = Object.assign({}, ...['common', 'console', 'companion'].map((part) => catalogue(language, part)))
  }

  /** The text of a key, without its markup. */
  say(key, values = {}) {
    const text = this.all[key] ?? this.all[`${key}_other`]
    if (text === undefined) throw new Error(`no words for ${key}`)
    return text.replace(/<\/?\w+>/g, '').replace(/\{\{(\w+)\}\}/g, (whole, name) => values[name] ?? whole)
  }

  /** What a text of that key looks like, whatever its values are. */
  form(key) {
    return new RegExp(this.say(key).split(/\{\{\w+\}\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+'))
  }
}
