import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = join(import.meta.dirname, '../src')
const catalogues = readdirSync(join(src, 'i18n')).filter((name) => name.endsWith('.json'))
const parts = [...new Set(catalogues.map((name) => name.slice(3)))]

function read(language: string, part: string): Record<string, string> {
  return JSON.parse(readFileSync(join(src, 'i18n', `${language}-${part}`), 'utf8')) as Record<string, string>
}

const marks = (text: string) => [...text.matchAll(/\{\{\w+\}\}|<\/?\w+>/g)].map(String).sort()

describe.each(parts)('catalogue %s', (part) => {
  it('has the same keys in both languages', () => {
    expect(Object.keys(read('de', part)).sort()).toEqual(Object.keys(read('en', part)).sort())
  })

  it('has the same placeholders and marks in both languages', () => {
    const [en, de] = [read('en', part), read('de', part)]
    const different = Object.keys(en).filter((key) => String(marks(en[key] ?? '')) !== String(marks(de[key] ?? '')))
    expect(different).toEqual([])
  })

  it('has no empty text', () => {
    for (const language of ['en', 'de']) expect(Object.entries(read(language, part)).filter(([, text]) => !text.trim())).toEqual([])
  })

  it('has only keys that begin with its name', () => {
    const name = part.replace('.json', '.')
    expect(Object.keys(read('en', part)).filter((key) => !key.startsWith(name))).toEqual([])
  })
})

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
}

describe('the console', () => {
  const text = sources(join(src, 'console')).join('\n')
  const known = [...Object.keys(read('en', 'console.json')), ...Object.keys(read('en', 'common.json'))]
  const whole = new Set(known.map((key) => key.replace(/_(one|other)$/, '')))

  it('uses only keys that exist', () => {
    const used = [...text.matchAll(/['"]((?:console|common)\.[\w.]+)['"]/g)].map((match) => match[1] ?? '')
    expect(used.filter((key) => !whole.has(key) && !known.includes(key))).toEqual([])
  })

  it('uses every key of its catalogue', () => {
    const used = new Set([...text.matchAll(/['"](console\.[\w.]+)['"]/g)].map((match) => match[1] ?? ''))
    const unused = Object.keys(read('en', 'console.json'))
      .map((key) => key.replace(/_(one|other)$/, ''))
      .filter((key) => !key.startsWith('console.error.') && !used.has(key))
    expect(unused).toEqual([])
  })
})

describe('the words that are promised', () => {
  const en = { ...read('en', 'console.json'), ...read('en', 'common.json') }
  it.each([
    ['console.nav.settings', 'Settings'],
    ['console.account.greeting', 'Hi there {{name}}!'],
    ['console.workspace.title', 'Workspace Configuration'],
    ['console.tab.idp', 'IDP Settings'],
    ['console.idp.sync', 'Directory Sync'],
    ['console.idp.view', 'View Token'],
    ['console.confirm.title', 'Confirm your identity to continue'],
    ['common.itsMe', "It's me!"],
    ['console.token.title', 'Show Token'],
    ['common.copy', 'Copy'],
    ['console.token.label', 'SCIM API authentication token'],
  ])('%s', (key, words) => {
    expect(en[key]).toBe(words)
  })
})
