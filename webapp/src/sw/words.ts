// Words of notifications. The build puts them in, because the worker has no page to ask.
import { pref } from '../companion/prefs'

type Words = Record<string, string>

declare const NOTICE_WORDS: { en: Words; de: Words }

const system = navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en'
let language: 'en' | 'de' = system

/** speak takes the language that was chosen in the app. */
export async function speak(): Promise<void> {
  language = (await pref('language')) ?? system
}

export function say(key: string, params: Words = {}): string {
  const words = NOTICE_WORDS[language][key] ?? key
  return words.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => params[name] ?? whole)
}

export const known = (key: string): boolean => key in NOTICE_WORDS.en
