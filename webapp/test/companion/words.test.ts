import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import de from '../../src/i18n/de-companion.json'
import en from '../../src/i18n/en-companion.json'
import { fill, inline, left } from '../../src/companion/i18n'
import { describe as describeBrowser } from '../../src/companion/platform'

const source = (folder: string): string =>
  readdirSync(new URL(folder, import.meta.url), { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.ts')).map((f) => readFileSync(new URL(folder + f, import.meta.url), 'utf8')).join('\n')

describe('the catalogues', () => {
  const english: Record<string, string> = en
  const german: Record<string, string> = de
  it('have the same keys in the same order', () => {
    expect(Object.keys(german)).toEqual(Object.keys(english))
  })
  it('have the same placeholders', () => {
    const names = (s: string) => (s.match(/\{\{\w+\}\}/g) ?? []).sort()
    for (const [key, words] of Object.entries(english)) expect([key, names(german[key]!)]).toEqual([key, names(words)])
  })
  it('have the exact words that people and tests look for', () => {
    expect(english['companion.request.title']).toBe('Confirmation Request')
    expect(english['companion.request.yes']).toBe("It's me!")
    expect(english['companion.request.no']).toBe("It's not me")
    expect(english['companion.ended.approved']).toBe('Confirmed. Go back to your computer.')
    expect(english['companion.ended.denied']).toBe('Denied. Nothing was shown.')
    expect(english['companion.home.none']).toBe('No requests right now.')
  })
  it('hold no key that nothing uses', () => {
    const all = source('../../src/companion/') + source('../../src/sw/')
    const built = /^(action|says|told|notice\.(action|news)|request\.new|ended|distrust|home\.push|home\.push_\w+|notify|pair\.error|compare|report|settings\.state)\b/
    const unused = Object.keys(english).map((k) => k.replace('companion.', ''))
      .filter((k) => !built.test(k) && !all.includes(`'${k.replace(/_(one|other)$/, '')}'`) && !all.includes(`'${k.replace(/^notice\./, '')}'`))
    expect(unused).toEqual([])
  })
})

describe('small texts', () => {
  it('fill placeholders and leave unknown ones', () => {
    expect(fill('{{a}} and {{b}}', { a: 1 })).toBe('1 and {{b}}')
  })
  it('begin small inside a sentence, but not an abbreviation', () => {
    expect(inline('View the SCIM token')).toBe('view the SCIM token')
    expect(inline('SCIM token')).toBe('SCIM token')
  })
  it('count down', () => {
    expect([300, 59.2, 0.4, 0, -3].map(left)).toEqual(['5:00', '1:00', '0:01', '0:00', '0:00'])
  })
})

describe('platform', () => {
  it.each([
    ['an iPhone', 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1', 5, { ios: true, name: 'iPhone', os: 'iOS 17.5' }],
    ['an iPad that says it is a Mac', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15', 5, { ios: true, name: 'iPad', os: 'iOS' }],
    ['a Mac', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/126.0 Safari/537.36', 0, { ios: false, name: 'Chrome on macOS', os: 'macOS' }],
    ['a Pixel', 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36', 5, { android: true, name: 'Pixel 8', os: 'Android 14' }],
    ['a phone that hides its model', 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36', 5, { android: true, name: 'Android', os: 'Android 10' }],
    ['a Windows computer', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36', 0, { ios: false, name: 'Chrome on Windows', os: 'Windows' }],
  ])('knows %s', (_, ua, touches, want) => {
    expect(describeBrowser(ua, touches)).toMatchObject(want)
  })
})
