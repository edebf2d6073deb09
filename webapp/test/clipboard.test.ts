import { expect, it } from 'vitest'
import { copyShortcut } from '../src/console/clipboard'

it.each([
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 'Ctrl+C'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', '⌘C'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', 'press'],
  ['Mozilla/5.0 (Linux; Android 15)', 'press'],
])('%s copies with %s', (agent, shortcut) => {
  expect(copyShortcut(agent)).toBe(shortcut)
})
