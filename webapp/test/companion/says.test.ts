import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { action } from '../../src/companion/facts'
import { load } from '../../src/companion/i18n'
import { said } from '../../src/companion/says'
import type { Challenge } from '../../src/companion/challenge'
import de from '../../src/i18n/de-companion.json'
import en from '../../src/i18n/en-companion.json'

vi.stubGlobal('document', { documentElement: {} })

const asked = (act: string, words: string) => ({ act, ctx: { action: words } }) as Pick<Challenge, 'act' | 'ctx'>

describe('what is asked for, in German', () => {
  beforeAll(() => load(['de']))
  afterAll(() => load(['en']))

  it.each([
    ['View the SCIM API authentication token', 'SCIM-API-Authentifizierungstoken ansehen'],
    ['Regenerate the SCIM API authentication token. The old one works 24 hours more. Reason: Security', 'SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt noch 24 Stunden. Grund: Sicherheit'],
    ['Regenerate the SCIM API authentication token. The old one works 24 hours more. Reason: it stood in a ticket', 'SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt noch 24 Stunden. Grund: it stood in a ticket'],
    ['Regenerate the SCIM API authentication token because it may be exposed. All tokens of now stop at once', 'SCIM-API-Authentifizierungstoken neu erzeugen, weil es bekannt geworden sein kann. Alle jetzigen Tokens gelten sofort nicht mehr'],
    ['Regenerate the SCIM API authentication token. The old one stops at once. …9f2c, replaced before, stops at once', 'SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt sofort nicht mehr. …9f2c, vorher ersetzt, gilt sofort nicht mehr'],
    ['Approve for Cleo: Regenerate the SCIM API authentication token. The old one works 2 hours more', 'Für Cleo genehmigen: SCIM-API-Authentifizierungstoken neu erzeugen. Das alte gilt noch 2 Stunden'],
    ['Cancel the regeneration: the new token …a771 stops, …9f2c stays', 'Erneuerung zurücknehmen: das neue Token …a771 gilt nicht mehr, …9f2c bleibt'],
    ['Change the confirmation policy: always code, requests wait 5 minutes, two admins approve, new tokens live 90 days at most', 'Bestätigungsrichtlinie ändern: immer mit Code, Anfragen warten 5 Minuten, zwei Admins genehmigen, neue Tokens gelten höchstens 90 Tage'],
    ['Change how long sessions last: 1 hour without use, 1 day in any case', 'Ändern, wie lange Sitzungen dauern: 1 Stunde ohne Benutzung, 1 Tag in jedem Fall'],
    ['Turn off directory sync and DELETE people: 12, teams: 3', 'Verzeichnis-Synchronisierung ausschalten und Personen LÖSCHEN: 12, Teams: 3'],
    ['Allow a mass removal from your identity provider: 300 people deleted', 'Massenentfernung durch den Identitätsanbieter erlauben: 300 gelöschte Personen'],
    ['Become the Owner of Acme. Ana Kovač gives it to you and becomes a Super Admin', 'Inhaber von Acme werden. Ana Kovač gibt Ihnen die Inhaberschaft und wird Super Admin'],
    ['Address list of the token …9f2c: observe, 4 networks', 'Adressliste des Tokens …9f2c: beobachten, 4 Netze'],
    ['Remove the phone Pixel 8', 'Telefon Pixel 8 entfernen'],
  ])('%s', (sentence, want) => {
    expect(said(sentence)).toBe(want)
    expect(action(asked('some.action', sentence))).toBe(want)
  })

  it.each([
    'Launch the rocket',
    'Regenerate the SCIM API authentication token. The old one works a while more',
    'Change the confirmation policy: always code, and something new',
  ])('stays as it came where a part is not known: %s', (sentence) => {
    expect(action(asked('some.action', sentence))).toBe(sentence)
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
