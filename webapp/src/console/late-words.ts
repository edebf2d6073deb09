// Words of pages that are opened seldom: their catalogue is loaded with them, not with the first screen.

import { useT } from './i18n'

/** The words of one catalogue in the page's language. */
export function useLateWords<Word extends string>(en: Record<Word, string>, de: Record<Word, string>): (word: Word, values?: Record<string, string>) => string {
  const { language } = useT()
  const words = language === 'de' ? de : en
  return (word, values = {}) => words[word].replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '')
}
