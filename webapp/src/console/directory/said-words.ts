// Loads the other language's sentences when they are first needed, and tells the pages when they are there.

import { useSyncExternalStore } from 'react'
import { useT } from '../i18n'
import { german, translator } from './said'

type Translate = (text: string) => string | null

let loaded: Translate | null = null
let loading = false
const listeners = new Set<() => void>()

async function load(): Promise<void> {
  if (loading) return
  loading = true
  try {
    const [english, other] = await Promise.all([import('../../i18n/en-sync.json'), import('../../i18n/de-sync.json')])
    loaded = translator(english.default, other.default, german)
    listeners.forEach((listener) => listener())
  } catch {
    loading = false // the next page tries again; until then the sentences are in English
  }
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** How to say a sentence of the service in the present language: null where only the service's own words are known. */
export function useSaid(): Translate | null {
  const { language } = useT()
  const translate = useSyncExternalStore(subscribe, () => loaded)
  if (language !== 'de') return null
  if (!translate) void load()
  return translate
}
