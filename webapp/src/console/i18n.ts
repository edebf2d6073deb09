// The catalogues: English in the first load, German when it is chosen.

import i18next from 'i18next'
import { initReactI18next, useTranslation } from 'react-i18next'
import common from '../i18n/en-common.json'
import console_ from '../i18n/en-console.json'
import type { Language } from '../shared/format'

const english = { ...common, ...console_ }

type Raw = keyof typeof english
type Whole<K> = K extends `${infer Base}_one` ? Base : K extends `${infer Base}_other` ? Base : K
/** A key of the catalogues; plural forms are asked for without their ending. */
export type Key = Whole<Raw>
export type Values = Record<string, string | number>
export type T = (key: Key, values?: Values) => string

export const languages: readonly Language[] = ['en', 'de']
const stored = 'countersign.language'

function remembered(): Language {
  let wish: string | null = null
  try {
    wish = localStorage.getItem(stored)
  } catch { /* storage switched off: the browser's languages */ }
  for (const tag of [wish, ...navigator.languages]) {
    const language = languages.find((l) => tag?.toLowerCase().startsWith(l))
    if (language) return language
  }
  return 'en'
}

/** Loads what the first screen needs; called once before it is drawn. */
export async function startI18n(): Promise<void> {
  const language = remembered()
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: { en: { translation: english } },
    partialBundledLanguages: true,
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false }, // React escapes
    react: { useSuspense: false },
  })
  await load(language)
  document.documentElement.lang = language
}

async function load(language: Language): Promise<void> {
  if (language === 'en' || i18next.hasResourceBundle(language, 'translation')) return
  const [a, b] = await Promise.all([import('../i18n/de-common.json'), import('../i18n/de-console.json')])
  i18next.addResourceBundle(language, 'translation', { ...a.default, ...b.default })
}

/** Changes the language of this browser, from now on. */
export async function chooseLanguage(language: Language): Promise<void> {
  await load(language)
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
  try {
    localStorage.setItem(stored, language)
  } catch { /* it holds for this page */ }
}

/** The texts in the present language, and that language. */
export function useT(): { t: T; language: Language } {
  const { t, i18n } = useTranslation()
  return { t: t as unknown as T, language: i18n.language as Language }
}

/** The text of a key with its placeholders still in it, for text with elements inside. */
export function template(t: T, key: Key, values?: Values): string {
  return t(key, { ...values, skipInterpolation: true } as unknown as Values)
}

/** Whether the catalogue has this key: for codes that the service may add. */
export function hasKey(key: string): key is Key {
  return i18next.exists(key, { count: 1 })
}
