import { describe, expect, it } from 'vitest'
import { metLimits, metRole, metRules } from '../src/console/conflict/met'
import { ApiError, NetworkError } from '../src/shared/api'

const refused = (code: string, now: unknown) => new ApiError(409, code, '', { now })
const rules = { mode: 'code', pending_seconds: 300, show_once: true, two_admins: false, same_network: false, freeze_on_report: false, passkeys: false, max_token_days: 0 }

describe('what a refused change met', () => {
  it.each([
    ['a role', refused('edit_conflict', { role: 'admin' }), 'admin', null, null],
    ['the rules', refused('edit_conflict', rules), null, rules, null],
    ['how long sessions last', refused('edit_conflict', { idle_seconds: 600, life_seconds: 3600 }), null, null, { idle_seconds: 600, life_seconds: 3600 }],
    ['a role of a later version', refused('edit_conflict', { role: 'auditor' }), null, null, null],
    ['nothing that it names', refused('edit_conflict', undefined), null, null, null],
    ['another obstacle', refused('last_admin', { role: 'admin' }), null, null, null],
    ['no answer', new NetworkError(), null, null, null],
  ])('%s', (_, error, role, met, limits) => {
    expect([metRole(error), metRules(error), metLimits(error)]).toEqual([role, met, limits])
  })
})
