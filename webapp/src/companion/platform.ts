// What this browser is: only for words, the install steps and the name that is offered for the phone.
import { t } from './i18n'

export interface Platform { ios: boolean; android: boolean; installed: boolean; name: string; os: string }

/** platform reads the user agent; touches tells an iPad that calls itself a Mac. */
export function describe(ua: string, touches: number): Omit<Platform, 'installed'> {
  const ipad = /iPad/.test(ua) || (/Macintosh/.test(ua) && touches > 1)
  const ios = ipad || /iPhone|iPod/.test(ua)
  const android = /Android/.test(ua)
  return { ios, android, name: deviceName(ua, ipad), os: systemName(ua, ipad) }
}

function deviceName(ua: string, ipad: boolean): string {
  if (ipad) return 'iPad'
  if (/iPhone|iPod/.test(ua)) return 'iPhone'
  const model = /Android [^;)]*; ([^;)]+?)(?: Build\/[^;)]*)?[;)]/.exec(ua)?.[1]
  if (model && model !== 'K') return model // Chrome says K for every phone
  if (/Android/.test(ua)) return 'Android'
  return t('request.browser_on', { browser: browserName(ua), os: systemName(ua, false) })
}

function browserName(ua: string): string {
  const known: [RegExp, string][] = [[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrome\//, 'Chrome'], [/Safari\//, 'Safari']]
  return known.find(([mark]) => mark.test(ua))?.[1] ?? 'Browser'
}

function systemName(ua: string, ipad: boolean): string {
  const ios = /OS (\d+)[_.](\d+)/.exec(ua)
  if (ipad || /iPhone|iPod/.test(ua)) return ios && !/Macintosh/.test(ua) ? `iOS ${ios[1]}.${ios[2]}` : 'iOS'
  const android = /Android ([\d.]+)/.exec(ua)?.[1]
  if (android) return `Android ${android}`
  if (/CrOS/.test(ua)) return 'ChromeOS'
  if (/Macintosh/.test(ua)) return 'macOS'
  return /Windows/.test(ua) ? 'Windows' : 'Linux'
}

interface Hints { getHighEntropyValues(names: string[]): Promise<{ model?: string; platformVersion?: string }> }

/** platform describes this browser; newer ones tell a phone's model only when asked. */
export async function platform(): Promise<Platform> {
  const found = describe(navigator.userAgent, navigator.maxTouchPoints)
  const hints = (navigator as { userAgentData?: Hints }).userAgentData
  const told = found.android ? await hints?.getHighEntropyValues(['model', 'platformVersion']).catch(() => undefined) : undefined
  if (told?.model) found.name = told.model
  if (told?.platformVersion) found.os = `Android ${told.platformVersion.replace(/(\.0)+$/, '')}`
  return { ...found, installed: installed() }
}

export function installed(): boolean {
  return (navigator as { standalone?: boolean }).standalone === true || matchMedia('(display-mode: standalone), (display-mode: fullscreen)').matches
}

interface InstallPrompt extends Event { prompt(): Promise<void>; userChoice: Promise<{ outcome: 'accepted' | 'dismissed' }> }
let offered: InstallPrompt | undefined
const waiting = new Set<() => void>()

/** holdInstallPrompt keeps the browser's offer to install for our own button. */
export function holdInstallPrompt(): void {
  addEventListener('beforeinstallprompt', (e) => {
    e.preventDefault()
    offered = e as InstallPrompt
    for (const w of waiting) w()
  })
  addEventListener('appinstalled', () => { offered = undefined; for (const w of waiting) w() })
}

export const canInstall = (): boolean => offered !== undefined

/** onInstallChange hears when installing becomes possible or is done. */
export function onInstallChange(heard: () => void): () => void {
  waiting.add(heard)
  return () => waiting.delete(heard)
}

export async function install(): Promise<boolean> {
  const prompt = offered
  if (!prompt) return false
  offered = undefined
  await prompt.prompt()
  return (await prompt.userChoice).outcome === 'accepted'
}
