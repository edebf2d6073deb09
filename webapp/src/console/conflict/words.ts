// The words for two versions of one thing. The catalogue is loaded with the dialog that needs it, not with the first screen.

import de from '../../i18n/de-edit.json'
import en from '../../i18n/en-edit.json'
import { useT } from '../i18n'

export type Word = keyof typeof en

export function useWords(): (word: Word, values?: Record<string, string>) => string {
  const { language } = useT()
  const words = language === 'de' ? de : en
  return (word, values = {}) => words[word].replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '')
}
