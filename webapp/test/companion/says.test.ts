import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { action } from '../../src/companion/facts'
import { load } from '../../src/companion/i18n'
import { said } from '../../src/companion/says'
import type { Challenge } from '../../src/companion/challenge'
import de from '../../src/i18n/de-companion.json'
import en from '../../src/i18n/en-companion.json'

vi.stubGlobal('document', { documentElement: {} })

const asked = (act: string, words: string) => ({ act, ctx: { action: words, person: 'Cleo' } }) as Pick<Challenge, 'act' | 'ctx'>

describe('what is asked for, in German', () => {
  beforeAll(() => load(['de']))
  afterAll(() => load(['en']))

  it.each([
    ['scim.token.reveal', 'View the SCIM API authentication token', 'SCIM-API-Authentifizierungstoken ansehen'],
    ['scim.token.regenerate', 'Regenerate the SCIM API authentication token. The old one works 24 hours more. Reason: “Security”', 'SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt noch 24 Stunden. Grund: „Sicherheit“'],
    ['scim.token.regenerate', 'Regenerate the SCIM API authentication token. The old one works 24 hours more. Reason: “it stood in a ticket”', 'SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt noch 24 Stunden. Grund: „it stood in a ticket“'],
    ['scim.token.regenerate', 'Regenerate the SCIM API authentication token because it may be exposed. All tokens of now stop at once', 'SCIM-API-Authentifizierungstoken neu erzeugen, weil es bekannt geworden sein kann. Alle jetzigen Tokens gelten sofort nicht mehr'],
    ['scim.token.regenerate', 'Regenerate the SCIM API authentication token. The old one stops at once. …9f2c, replaced before, stops at once', 'SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt sofort nicht mehr. …9f2c, vorher ersetzt, gilt sofort nicht mehr'],
    ['scim.token.regenerate', 'Approve for Cleo: Regenerate the SCIM API authentication token. The old one works 2 hours more', 'Für Cleo genehmigen: SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt noch 2 Stunden'],
    ['scim.token.cancel_regeneration', 'Cancel the regeneration: the new token …a771 stops, …9f2c stays', 'Erneuerung zurücknehmen: das neue Token …a771 gilt nicht mehr, …9f2c bleibt'],
    ['policy.change', 'Change the confirmation policy: always code, requests wait 5 minutes, two admins approve, new tokens live 90 days at most', 'Bestätigungsrichtlinie ändern: immer mit Code, Anfragen warten 5 Minuten, zwei Admins genehmigen, neue Tokens gelten höchstens 90 Tage'],
    ['session.limits', 'Change how long sessions last: 1 hour without use, 1 day in any case', 'Ändern, wie lange Sitzungen dauern: 1 Stunde ohne Benutzung, 1 Tag in jedem Fall'],
    ['directory.turn_off', 'Turn off directory sync and DELETE people: 12, teams: 3', 'Verzeichnis-Synchronisierung ausschalten und Personen LÖSCHEN: 12, Teams: 3'],
    ['directory.removal.allow', 'Allow a mass removal from your identity provider: 300 people deleted', 'Massenentfernung durch den Identitätsanbieter erlauben: 300 gelöschte Personen'],
    ['ownership.accept', 'Become the Owner of Acme. Ana Kovač gives it to you and becomes a Super Admin', 'Inhaber von Acme werden. Ana Kovač gibt Ihnen die Inhaberschaft und wird Super-Admin'],
    ['scim.token.addresses', 'Address list of the token …9f2c: observe, 4 networks', 'Adressliste des Tokens …9f2c: beobachten, 4 Netze'],
    ['device.remove', 'Remove the phone Pixel 8', 'Telefon Pixel 8 entfernen'],
    ['scim.token.revoke', 'Revoke the SCIM API authentication token …9f2c. It stops at once', 'SCIM-API-Authentifizierungstoken …9f2c widerrufen. Es gilt sofort nicht mehr'],
    ['scim.token.end_overlap', 'End the overlap: the old token …9f2c stops at once', 'Überlappung beenden: das alte Token …9f2c gilt sofort nicht mehr'],
    ['scim.token.extend_overlap', 'Let the old token …9f2c work 3 days more', 'Das alte Token …9f2c noch 3 Tage gelten lassen'],
    ['scim.token.expiry', 'Let the token …9f2c expire in 90 days', 'Das Token …9f2c in 90 Tagen ablaufen lassen'],
    ['ownership.takeover', 'Make Ben the Owner of the workspace', 'Ben zum Inhaber des Arbeitsbereichs machen'],
    ['ownership.transfer', 'Give the ownership of the workspace to Ben. They have to accept it on their phone', 'Inhaberschaft des Arbeitsbereichs an Ben abgeben. Das muss auf deren Telefon angenommen werden'],
    ['directory.mapping', "Take people's e-mail addresses from the usual attributes again", 'E-Mail-Adressen wieder aus den üblichen Attributen nehmen'],
    ['directory.mapping', "Take people's e-mail addresses from emails[type eq \"work\"].value, userName", 'E-Mail-Adressen nehmen aus: emails[type eq "work"].value, userName'],
    ['apikey.create', 'Make the API key “CI” for 90 days, to read people; change directory settings', 'API-Schlüssel „CI“ erstellen, 90 Tage gültig. Er darf: Personen lesen; Verzeichniseinstellungen ändern'],
  ])('%s: %s', (act, sentence, want) => {
    expect(said(act, sentence, 'Cleo')).toBe(want)
    expect(action(asked(act, sentence))).toBe(want)
  })

  it.each([
    ['a phone with a word of an address list', 'device.remove', 'Remove the phone Pixel, off', 'Telefon Pixel, off entfernen'],
    ['a phone with a sentence', 'device.remove', 'Remove the phone Pixel. It stops at once', 'Telefon Pixel. It stops at once entfernen'],
    ['a phone with a placeholder', 'device.remove', 'Remove the phone {{device}} $1', 'Telefon {{device}} $1 entfernen'],
    ['a person with a reason', 'person.unlock', 'Unlock the confirmations of Ben. Reason: Security', 'Bestätigungen von Ben. Reason: Security entsperren'],
    ['a reason that is another sentence', 'scim.token.regenerate', 'Regenerate the SCIM API authentication token. The old one stops at once. Reason: “Unlock the confirmations of Ben”',
      'SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt sofort nicht mehr. Grund: „Unlock the confirmations of Ben“'],
    ['a reason with a reason', 'scim.token.regenerate', 'Regenerate the SCIM API authentication token. The old one stops at once. Reason: “off. Reason: Security”',
      'SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt sofort nicht mehr. Grund: „off. Reason: Security“'],
    ['a new Owner with a sentence', 'ownership.transfer', 'Give the ownership of the workspace to Ben. They have to accept it on their phone. They have to accept it on their phone',
      'Inhaberschaft des Arbeitsbereichs an Ben. They have to accept it on their phone abgeben. Das muss auf deren Telefon angenommen werden'],
    ['an API key with another length and scope', 'apikey.create', 'Make the API key “CI” for 1 days, to read people” for 90 days, to change people',
      'API-Schlüssel „CI” for 1 days, to read people“ erstellen, 90 Tage gültig. Er darf: Personen ändern'],
  ])('takes as it stands the name of %s', (_, act, sentence, want) => {
    expect(action(asked(act, sentence))).toBe(want)
  })

  it('knows the asking colleague by the name that is signed beside the sentence', () => {
    const sentence = 'Approve for Ben: Remove the phone A: Remove the phone B'
    expect(said('device.remove', sentence, 'Ben')).toBe('Für Ben genehmigen: Telefon A: Remove the phone B entfernen')
    expect(said('device.remove', sentence, 'Ben: Remove the phone A')).toBe('Für Ben: Remove the phone A genehmigen: Telefon B entfernen')
    expect(said('device.remove', sentence, 'Cleo')).toBeUndefined()
  })

  it.each([
    ['an unknown sentence', 'device.remove', 'Launch the rocket'],
    ['an unknown action', 'some.action', 'Remove the phone Pixel 8'],
    ['the name of something built in', 'constructor', 'Remove the phone Pixel 8'],
    ["another action's sentence", 'scim.token.reveal', 'Remove the phone Pixel 8'],
    ['something before it', 'device.remove', 'Please Remove the phone Pixel 8'],
    ['something after it', 'scim.token.end_overlap', 'End the overlap: the old token …9f2c stops at once. It stops at once'],
    ['an unknown length of time', 'scim.token.regenerate', 'Regenerate the SCIM API authentication token. The old one works a while more'],
    ['an unknown rule', 'policy.change', 'Change the confirmation policy: always code, requests wait 5 minutes, and something new'],
    ['rules in another order', 'policy.change', 'Change the confirmation policy: always code, requests wait 5 minutes, two admins approve, tokens are shown once'],
    ['an unknown scope', 'apikey.create', 'Make the API key “CI” for 90 days, to read people; launch rockets'],
    ['a workspace that may end in two places', 'ownership.accept', 'Become the Owner of Acme. Ana. Ben gives it to you and becomes a Super Admin'],
  ])('stays as it came with %s', (_, act, sentence) => {
    expect(action(asked(act, sentence))).toBe(sentence)
  })
})

describe('the English forms', () => {
  const below = (folder: string): string => readdirSync(new URL(folder, import.meta.url)).filter((name) => /\.(go|ts)$/.test(name) && !name.endsWith('_test.go'))
    .map((name) => readFileSync(new URL(folder + name, import.meta.url), 'utf8')).join('\n')
  const server = ['confirm', 'assembly', 'apikey'].map((f) => below(`../../../internal/${f}/`)).join('\n').replaceAll(/^\s*\/\/.*$/gm, '')
  const source = [...server.matchAll(/"(?:[^"\\\n]|\\.)*"/g)].map(String).join('\n')
  const reasons = below('../../src/console/token/')
  const all = Object.entries(en).flatMap(([key, words]) => (key.startsWith('companion.says.') ? [[key.replace('companion.says.', ''), words] as const] : []))

  it('are made of words of the server, piece by piece', () => {
    const missing = all.flatMap(([key, words]) => {
      if (key.startsWith('reason_')) return reasons.includes(`'${words}'`) ? [] : [words]
      const pieces = key.startsWith('scope_') ? [`"${words.replace(/ .*/, ' ')}"`, `"${words.replace(/^\w+ /, '')}"`] : words.split(/\{\{\w+\}\}|(?= because )/).map((piece) => piece.trim())
      return pieces.filter((piece) => !source.includes(piece))
    })
    expect(all.length).toBeGreaterThan(60)
    expect(missing).toEqual([])
  })
})

describe('every action that the service registers', () => {
  const folders = ['../../../internal/confirm/', '../../../internal/assembly/']
  const source = folders.flatMap((f) => readdirSync(new URL(f, import.meta.url)).filter((name) => name.endsWith('.go') && !name.endsWith('_test.go'))
    .map((name) => readFileSync(new URL(f + name, import.meta.url), 'utf8'))).join('\n')
  const named = new Set([...source.matchAll(/^\t?(?:const )?[A-Z]\w+ += "((?:scim\.token|device|policy|person|session|recovery|directory|ownership|apikey)\.[a-z._]+)"/gm)].map((m) => m[1]!))

  it('is found', () => {
    expect([...named]).toEqual(expect.arrayContaining(['scim.token.reveal', 'scim.token.addresses', 'session.limits', 'directory.removal.keep', 'ownership.accept', 'apikey.create']))
  })
  it('has a name for lists and one for notifications, in both languages', () => {
    for (const catalogue of [en, de] as Record<string, string>[]) {
      const missing = [...named].filter((n) => !catalogue[`companion.action.${n}`] || (n !== 'device.activate' && !catalogue[`companion.notice.action.${n}`]))
      expect(missing).toEqual([])
    }
  })
})
