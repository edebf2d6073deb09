// The words for two versions of one thing.

import de from '../../i18n/de-edit.json'
import en from '../../i18n/en-edit.json'
import { useLateWords } from '../late-words'

export const useWords = () => useLateWords(en, de)
