import { describe, expect, it, vi } from 'vitest'

vi.stubGlobal('navigator', { onLine: true })
const { nextDelay } = await import('../../src/companion/watch')

describe('nextDelay', () => {
  it('is three seconds while the page is seen, longer while it is not', () => {
    expect(nextDelay(0, true)).toBe(3000)
    expect(nextDelay(0, false)).toBe(30_000)
  })
  it('doubles after failures, up to thirty seconds', () => {
    expect([1, 2, 3, 4, 5, 6, 20].map((n) => nextDelay(n, true))).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  })
  it('waits as long as the server asks', () => {
    expect(nextDelay(1, true, 45)).toBe(45_000)
  })
})
