// What the tab "Security" works on: the rules, and what is different about them.

import type { PolicyRules } from '../../shared/types'
import type { Key } from '../i18n'

export type Switch = 'two_admins' | 'freeze_on_report' | 'show_once' | 'same_network' | 'passkeys'

export const switches: readonly Switch[] = ['two_admins', 'freeze_on_report', 'show_once', 'same_network', 'passkeys']

export const modes = [
  { value: 'risk', name: 'console.policy.risk', text: 'console.policy.risk_text' },
  { value: 'code', name: 'console.policy.code', text: 'console.policy.code_text' },
  { value: 'tap', name: 'console.policy.tap', text: 'console.policy.tap_text' },
] as const satisfies { value: PolicyRules['mode']; name: Key; text: Key }[]

/** The rules of a policy, and nothing else of it: they are what the phone signs. */
export function rulesOf({ mode, pending_seconds, show_once, two_admins, same_network, freeze_on_report, passkeys, max_token_days }: PolicyRules): PolicyRules {
  return { mode, pending_seconds, show_once, two_admins, same_network, freeze_on_report, passkeys, max_token_days }
}

/** The times on offer, in seconds: whole minutes from one to ten, and what holds now. */
export function minutes(now: number): number[] {
  const whole = Array.from({ length: 10 }, (_, i) => (i + 1) * 60)
  return whole.includes(now) ? whole : [...whole, now].sort((a, b) => a - b)
}

const turned: Record<Switch, { on: Key; off: Key }> = {
  two_admins: { on: 'console.policy.two_admins_on', off: 'console.policy.two_admins_off' },
  freeze_on_report: { on: 'console.policy.freeze_on', off: 'console.policy.freeze_off' },
  show_once: { on: 'console.policy.show_once_on', off: 'console.policy.show_once_off' },
  same_network: { on: 'console.policy.same_network_on', off: 'console.policy.same_network_off' },
  passkeys: { on: 'console.policy.passkeys_on', off: 'console.policy.passkeys_off' },
}

/** One sentence for each thing that will be different. */
export function changed(policy: PolicyRules, rules: PolicyRules): Key[] {
  const out: Key[] = []
  if (policy.mode !== rules.mode) out.push('console.policy.mode_changes')
  if (policy.pending_seconds !== rules.pending_seconds) out.push('console.policy.pending_changes')
  if (policy.max_token_days !== rules.max_token_days) out.push(rules.max_token_days === 0 ? 'console.policy.lifetime_off' : 'console.policy.lifetime_changes')
  for (const name of switches) if (policy[name] !== rules[name]) out.push(rules[name] ? turned[name].on : turned[name].off)
  return out
}
