// The words of an auditor's link. The catalogue is loaded with the pages that need it, not with the first screen.

import de from '../../i18n/de-auditor.json'
import en from '../../i18n/en-auditor.json'
import { useT } from '../i18n'

export type Word = keyof typeof en
export type Say = (word: Word, values?: Record<string, string>) => string

export function useWords(): Say {
  const { language } = useT()
  const words = language === 'de' ? de : en
  return (word, values = {}) => words[word].replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '')
}
