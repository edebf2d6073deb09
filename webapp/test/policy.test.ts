import { describe, expect, it } from 'vitest'
import { changed, minutes, rulesOf } from '../src/console/pages/policy'
import type { Policy } from '../src/shared/types'

const policy: Policy = {
  mode: 'risk', pending_seconds: 300, show_once: false, two_admins: false, same_network: false, freeze_on_report: false, passkeys: false, max_token_days: 0,
  frozen: null, can: { change: true, unfreeze: false },
}

describe('the rules of a policy', () => {
  it('are seven members and nothing else: the phone signs them', () => {
    expect(Object.keys(rulesOf(policy)).sort()).toEqual(['freeze_on_report', 'max_token_days', 'mode', 'passkeys', 'pending_seconds', 'same_network', 'show_once', 'two_admins'])
  })

  it('say one sentence for each difference', () => {
    expect(changed(policy, rulesOf(policy))).toEqual([])
    expect(changed(policy, { ...rulesOf(policy), mode: 'code', pending_seconds: 60, two_admins: true })).toEqual([
      'console.policy.mode_changes', 'console.policy.pending_changes', 'console.policy.two_admins_on',
    ])
    expect(changed({ ...policy, show_once: true }, rulesOf(policy))).toEqual(['console.policy.show_once_off'])
    expect(changed(policy, { ...rulesOf(policy), max_token_days: 90 })).toEqual(['console.policy.lifetime_changes'])
    expect(changed({ ...policy, max_token_days: 90 }, rulesOf(policy))).toEqual(['console.policy.lifetime_off'])
  })

  it('offer whole minutes, and what an operator set by hand', () => {
    expect(minutes(300)).toEqual([60, 120, 180, 240, 300, 360, 420, 480, 540, 600])
    expect(minutes(90)).toEqual([60, 90, 120, 180, 240, 300, 360, 420, 480, 540, 600])
  })
})
