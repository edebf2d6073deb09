// An event as a sentence. The catalogue is loaded with the page, not with the first screen.

import type { Language } from '../../shared/format'
import de from '../../i18n/de-activity.json'
import en from '../../i18n/en-activity.json'
import type { ActivityEvent } from './types'

const catalogues: Record<Language, Record<string, string>> = { en, de }

/** What happened, in words. Values are text, whatever is in them; what an event does not know is left open. */
export function sentenceOf(event: ActivityEvent, language: Language): string {
  const words = catalogues[language]
  const template = words[`activity.${event.event}`] ?? words['activity.words.other'] ?? ''
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => valueOf(event, name, words))
}

function valueOf(event: ActivityEvent, name: string, words: Record<string, string>): string {
  if (name === 'actor') return actorOf(event, words)
  if (name === 'event') return event.event
  if (name === 'object') return event.object?.name ?? (event.object && event.object.id === event.actor.id ? actorOf(event, words) : (words['activity.words.person_unknown'] ?? ''))
  const value = event.detail[name]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : (words['activity.words.unknown'] ?? '')
}

function actorOf(event: ActivityEvent, words: Record<string, string>): string {
  if (event.actor.name) return event.actor.name
  if (event.erased) return words['activity.words.erased'] ?? ''
  return words[`activity.words.${event.actor.kind}`] ?? words['activity.words.nobody'] ?? ''
}

/** Who acted, for a column of its own. */
export function whoOf(event: ActivityEvent, language: Language): string {
  return actorOf(event, catalogues[language])
}

/** The phone that an event is about, where it names one. */
export function deviceOf(event: ActivityEvent): string {
  if (event.device) return event.device
  const { device, name } = event.detail
  if (typeof device === 'string' && !device.startsWith('dev_')) return device // an id says nothing to people; the details have it
  return event.event.startsWith('device.') && typeof name === 'string' ? name : ''
}
