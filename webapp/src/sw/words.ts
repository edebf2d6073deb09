// Words of notifications. The build puts them in, because the worker has no page to ask.
type Words = Record<string, string>

declare const NOTICE_WORDS: { en: Words; de: Words }

export function say(key: string, params: Words = {}): string {
  const language = navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en'
  const words = NOTICE_WORDS[language][key] ?? key
  return words.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => params[name] ?? whole)
}

export const known = (key: string): boolean => key in NOTICE_WORDS.en
