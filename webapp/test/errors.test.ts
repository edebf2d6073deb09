import { describe, expect, it } from 'vitest'
import { failureCode } from '../src/console/errors'
import { problem } from './fakes'

describe('the code of a failure', () => {
  it.each([
    ['a service that is not there', 503, 'DS-1503'],
    ['a page that is not there', 404, 'DS-1404'],
    ['a right that is missing', 403, 'DS-1403'],
    ['a sign-in that is missing', 401, 'DS-1001'],
    ['too many calls', 429, 'DS-1002'],
    ['a fault of the service', 500, 'DS-1005'],
    ['a status without a code of its own', 418, 'DS-1000'],
  ])('names %s', (_, status, want) => {
    expect(failureCode(problem(status, 'x'))).toBe(want)
  })
})
