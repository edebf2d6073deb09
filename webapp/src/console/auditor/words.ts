// The words of an auditor's link.

import de from '../../i18n/de-auditor.json'
import en from '../../i18n/en-auditor.json'
import { useLateWords } from '../late-words'

export type Word = keyof typeof en
export type Say = (word: Word, values?: Record<string, string>) => string

export const useWords = (): Say => useLateWords(en, de)
