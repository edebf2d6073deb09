import { describe, expect, it } from 'vitest'
import { retryAfter } from '../src/shared/api'
import { countdown, dateTime, grouped, list, moment, relative, spelled, utc } from '../src/shared/format'

const at = new Date(2026, 4, 3, 14, 2, 11)
const plus = (seconds: number) => new Date(at.getTime() + seconds * 1000)

describe('times', () => {
  it('are printed with day, month and year', () => {
    expect(dateTime(at, 'en')).toBe('3 May 2026, 14:02')
    expect(dateTime(at, 'de')).toBe('3. Mai 2026, 14:02')
  })

  it.each([[10, 'now'], [125, '2 min ago'], [7200, '2 hr ago'], [86400, 'yesterday'], [86400 * 3, '3 days ago'], [86400 * 30, '1 mo ago'], [-300, 'in 5 min'], [40, '1 min ago']])('%i s later: %s', (seconds, text) => {
    expect(relative(at, plus(seconds), 'en').replace('.', '')).toBe(text)
  })

  it('name the day of a moment only when it is not today', () => {
    expect(moment(at, plus(60), 'en')).toBe('14:02')
    expect(moment(at, plus(-86400), 'en')).toBe('3 May, 14:02')
  })

  it('are given in UTC to the second', () => {
    expect(utc(new Date('2026-05-03T14:02:11.5Z'))).toBe('2026-05-03 14:02:11 UTC')
  })
})

it.each([[300, '5:00'], [272, '4:32'], [59.6, '1:00'], [300.3, '5:00'], [9, '0:09'], [-4, '0:00']])('%d seconds are %s', (seconds, text) => {
  expect(countdown(seconds)).toBe(text)
})

it('codes are two groups for the eye and digits for the ear', () => {
  expect(grouped('482913')).toBe('482 913')
  expect(spelled('482913')).toBe('4 8 2, 9 1 3')
})

it('lists end with "or" without a comma before it', () => {
  expect(list(['Owner', 'Super Admin', 'Admin'], 'en', 'disjunction')).toBe('Owner, Super Admin or Admin')
})

it.each([['7', 7], ['Sun, 03 May 2026 14:02:10 GMT', 10], ['nonsense', undefined], [null, undefined]] as const)('Retry-After %s is %s seconds', (header, seconds) => {
  expect(retryAfter(header, Date.parse('2026-05-03T14:02:00Z'))).toBe(seconds)
})
