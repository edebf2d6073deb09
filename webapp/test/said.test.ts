import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { german, spoken, timed, translator } from '../src/console/directory/said'

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as Record<string, string>
const said = translator(read('../src/i18n/en-sync.json'), read('../src/i18n/de-sync.json'), german)

describe('what the service says', () => {
  it.each(read('said.json') as unknown as string[])('has a form: %s', (sentence) => {
    expect(said(sentence)).not.toBeNull()
  })

  it.each([
    ['Entra ID created Ana Kovač.', 'Entra ID hat Ana Kovač angelegt.'],
    ['The identity provider created a person.', 'Der Identitätsanbieter hat eine Person angelegt.'],
    ['Okta removed 2 people from the team Marketing.', 'Okta hat 2 Personen aus dem Team Marketing entfernt.'],
    ['Okta added 1 person to the team R and D and removed 2 people from the team R and D and changed displayName of the team R and D.',
      'Okta hat 1 Person in das Team R and D aufgenommen und 2 Personen aus dem Team R and D entfernt und das Team R and D geändert (displayName).'],
    ['Entra ID changed title, department and 3 more attributes of Ana of Prague.', 'Entra ID hat Ana of Prague geändert: title, department und 3 weitere Attribute.'],
    ['Ben, replaying a call, changed title of Ana.', 'Ben (Wiederholung eines Aufrufs) hat Ana geändert: title.'],
    ['Entra ID could not create dora@acme.test: Another person of this workspace, active or not, has this userName already.',
      'Entra ID konnte dora@acme.test nicht anlegen: Eine andere Person dieses Arbeitsbereichs, ob aktiv oder nicht, hat diesen userName schon.'],
    ['Entra ID could not change Ana: something nobody has written down', 'Entra ID konnte Ana nicht ändern: something nobody has written down'],
    ['Entra ID sent the token (…9f2c) that Ben revoked on 3 May 2026 at 14:20 UTC.', 'Entra ID sendete das Token (…9f2c), das Ben am 3. Mai 2026 um 14:20 UTC widerrufen hat.'],
    ['Entra ID last called 3 days ago, on 22 November at 14:05 UTC.', 'Entra ID: letzter Aufruf vor 3 Tagen, am 22. November um 14:05 UTC.'],
    ['Cycles began about every 40 minutes, going by the last 7 intervals.', 'Läufe begannen etwa alle 40 Minuten, nach den letzten 7 Abständen.'],
    ['Entra ID could not create a person: userName is required and may not be empty.', 'Entra ID konnte eine Person nicht anlegen: userName ist nötig und darf nicht leer sein.'],
    ['Entra ID could not change Jana Rot: Operation 1: There is no attribute "shoeSize".', 'Entra ID konnte Jana Rot nicht ändern: Vorgang 1: Ein Attribut "shoeSize" gibt es nicht.'],
    ['Token rejected', 'Token abgelehnt'],
  ])('%s', (english, other) => {
    expect(said(english)).toBe(other)
  })

  it('leaves alone what has no form', () => {
    expect(said('A sentence of a later version.')).toBeNull()
  })

  describe('the times that it names', () => {
    const at = new Date('2026-11-22T14:05:31.25Z')
    const later = new Date('2026-12-20T09:00:00Z')
    const times = [at.toISOString(), later.toISOString()]
    it.each([
      ['one', 'en', 'Entra ID last called 3 days ago, on 22 November at 14:05 UTC.', ['Entra ID last called 3 days ago, on ', at, '.']],
      ['one, in German', 'de', 'Entra ID: letzter Aufruf vor 3 Tagen, am 22. November um 14:05 UTC.', ['Entra ID: letzter Aufruf vor 3 Tagen, am ', at, '.']],
      ['two, the later first', 'de', 'Am 20. Dezember um 09:00 UTC und am 22. November um 14:05 UTC', ['Am ', later, ' und am ', at]],
      ['the same twice', 'en', 'Since 22 November at 14:05 UTC, the last on 22 November at 14:05 UTC.', ['Since ', at, ', the last on ', at, '.']],
      ['another day, which only ends like it', 'en', 'It was on 122 November at 14:05 UTC.', ['It was on 122 November at 14:05 UTC.']],
      ['another one, which stays', 'en', 'It was revoked on 3 May 2026 at 14:20 UTC.', ['It was revoked on 3 May 2026 at 14:20 UTC.']],
      ['one with its year', 'en', 'It expired on 22 November 2026 at 14:05 UTC.', ['It expired on ', at, '.']],
      ['the same in German', 'de', 'Er ist am 22. November 2026 um 14:05 UTC abgelaufen.', ['Er ist am ', at, ' abgelaufen.']],
      ['that of another year, which stays', 'en', 'It expired on 22 November 2025 at 14:05 UTC.', ['It expired on 22 November 2025 at 14:05 UTC.']],
    ] as const)('%s', (_, language, text, want) => {
      expect(timed(text, times, language)).toEqual(want)
    })

    it('are said by the clock of the computer', () => {
      const here = new Date(2026, 10, 22, 15, 5)
      expect([spoken(here, 'en'), spoken(here, 'de')]).toEqual(['22 November 2026 at 15:05', '22. November 2026 um 15:05'])
    })
  })
})
