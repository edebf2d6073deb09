import { describe, expect, it } from 'vitest'
import { metRole, metRules } from '../src/console/conflict/met'
import { ApiError, NetworkError } from '../src/shared/api'

const refused = (code: string, now: unknown) => new ApiError(409, code, '', { now })
const rules = { mode: 'code', pending_seconds: 300, show_once: true, two_admins: false, same_network: false, freeze_on_report: false, passkeys: false, max_token_days: 0 }

describe('what a refused change met', () => {
  it.each([
    ['a role', refused('edit_conflict', { role: 'admin' }), 'admin', null],
    ['the rules', refused('edit_conflict', rules), null, rules],
    ['a role of a later version', refused('edit_conflict', { role: 'auditor' }), null, null],
    ['nothing that it names', refused('edit_conflict', undefined), null, null],
    ['another obstacle', refused('last_admin', { role: 'admin' }), null, null],
    ['no answer', new NetworkError(), null, null],
  ])('%s', (_, error, role, met) => {
    expect([metRole(error), metRules(error)]).toEqual([role, met])
  })
})
