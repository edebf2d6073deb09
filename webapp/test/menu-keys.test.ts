import { expect, it } from 'vitest'
import { nextItem } from '../src/console/ui/menu-keys'

const names = ['Workspace Configuration', 'My Profile', 'Dark', 'Deutsch', 'Sign out']

it.each([
  ['ArrowDown', 0, 1], ['ArrowDown', 4, 0], ['ArrowDown', -1, 0],
  ['ArrowUp', 0, 4], ['ArrowUp', -1, 4], ['ArrowUp', 3, 2],
  ['Home', 3, 0], ['End', 0, 4],
  ['d', 0, 2], ['d', 2, 3], ['D', 3, 2], ['s', 4, 4],
  ['x', 0, null], ['Enter', 0, null], [' ', 0, null], ['Shift', 0, null],
] as const)('%s from entry %i goes to %s', (key, from, to) => {
  expect(nextItem(key, names, from)).toBe(to)
})

it('an empty menu has nowhere to go', () => {
  expect(nextItem('ArrowDown', [], -1)).toBeNull()
})
