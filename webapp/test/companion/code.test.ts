import { describe, expect, it } from 'vitest'
import { digits, groupedCode, groupedDigits, isPairingCode, pairingCode, pairLink } from '../../src/companion/wire/code'

describe('pairingCode', () => {
  it.each([
    ['as it is shown', 'K7QX-93MD', 'K7QX93MD'],
    ['lower case with a space', 'k7qx 93md', 'K7QX93MD'],
    ['pasted with words around it', ' K7QX–93MD\n', 'K7QX93MD'],
    ['I and L as 1', 'IL00-IL00', '11001100'],
    ['O as 0', 'oooo-OOOO', '00000000'],
    ['too long', 'K7QX-93MDXX', 'K7QX93MD'],
    ['letters that are never used', 'UUK7QX93MD', 'K7QX93MD'],
  ])('reads %s', (_, typed, want) => {
    expect(pairingCode(typed)).toBe(want)
    expect(isPairingCode(pairingCode(typed))).toBe(true)
  })
  it('knows an unfinished code', () => {
    expect(isPairingCode(pairingCode('K7QX-93M'))).toBe(false)
  })
  it('groups while typing', () => {
    expect(['', 'K', 'K7QX', 'K7QX9', 'K7QX93MD'].map(groupedCode)).toEqual(['', 'K', 'K7QX', 'K7QX-9', 'K7QX-93MD'])
  })
})

describe('six digits', () => {
  it('keeps digits only', () => {
    expect(digits(' 482 913 7')).toBe('482913')
    expect(digits('48a2')).toBe('482')
  })
  it('groups by three', () => {
    expect(['', '482', '4829', '482913'].map(groupedDigits)).toEqual(['', '482', '482 9', '482 913'])
  })
})

describe('pairLink', () => {
  it.each([
    ['a fragment', '#pair=par_A1-b.c2VjcmV0LXNlY3JldA', { id: 'par_A1-b', secret: 'c2VjcmV0LXNlY3JldA' }],
    ['a whole address', 'https://phone.acme.test:8443/#pair=par_1.c2VjcmV0LXNlY3JldA ', { id: 'par_1', secret: 'c2VjcmV0LXNlY3JldA' }],
    ['another fragment', '#c=cnf_1', null],
    ['a secret that is missing', '#pair=par_1', null],
    ['something after it', '#pair=par_1.c2VjcmV0LXNlY3JldA&x=1', null],
  ])('reads %s', (_, address, want) => {
    expect(pairLink(address)).toEqual(want)
  })
})
