// The steps of the guided set-up, one list for each identity provider: data, so that a provider is added without touching the page.

import type { Key } from '../../i18n'
import type { Call, Proof, SyncSetup } from '../types'

export type Provider = 'entra' | 'okta' | 'other'
export const providers: readonly Provider[] = ['entra', 'okta', 'other']

/** What is shown beside a step to copy: the address, or the token by View Token. */
export type Handed = 'url' | 'token' | 'user_name'

export interface Sketch { title: string; lines: { label: string; value?: string; button?: boolean; on?: boolean }[] }

export interface Step {
  id: string
  title: Key
  text: Key
  more?: Key
  hands?: readonly Handed[]
  table?: 'users' | 'groups'
  /** Words of the provider's page stay in its own language. */
  sketch?: Sketch
  /** The kind of call that proves it; without one it cannot be seen from here. */
  proof?: Proof
}

export interface Guide { name: string; steps: readonly Step[]; facts: readonly Key[]; link?: { name: string; to: string } }

export const guides: Record<Provider, Guide> = {
  entra: {
    name: 'Entra ID',
    link: { name: 'Entra', to: 'https://entra.microsoft.com/#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview' },
    facts: ['console.guide.fact_cycle', 'console.guide.fact_nested', 'console.guide.fact_disable', 'console.guide.fact_rate'],
    steps: [
      { id: 'app', title: 'console.guide.entra_app', text: 'console.guide.entra_app_text', proof: 'called', sketch: { title: 'Enterprise applications', lines: [{ label: 'New application', button: true }, { label: 'Browse Microsoft Entra Gallery' }] } },
      { id: 'assign', title: 'console.guide.entra_assign', text: 'console.guide.entra_assign_text', more: 'console.guide.fact_nested', proof: 'person', sketch: { title: 'Users and groups', lines: [{ label: 'Add user/group', button: true }, { label: 'Ana Kovač', on: true }, { label: 'Ben Novak', on: true }] } },
      { id: 'mode', title: 'console.guide.entra_mode', text: 'console.guide.entra_mode_text', proof: 'called', sketch: { title: 'Provisioning', lines: [{ label: 'Provisioning Mode', value: 'Automatic' }] } },
      { id: 'credentials', title: 'console.guide.entra_credentials', text: 'console.guide.entra_credentials_text', hands: ['url', 'token'], proof: 'called', sketch: { title: 'Admin Credentials', lines: [{ label: 'Tenant URL', value: 'https://…/v1/scim/v2' }, { label: 'Secret Token', value: '••••••••••••' }] } },
      { id: 'test', title: 'console.guide.entra_test', text: 'console.guide.entra_test_text', proof: 'tested', sketch: { title: 'Admin Credentials', lines: [{ label: 'Test Connection', button: true }] } },
      { id: 'mail', title: 'console.guide.entra_mail', text: 'console.guide.entra_mail_text', sketch: { title: 'Settings', lines: [{ label: 'Notification Email', value: 'it@acme.test' }, { label: 'Send an email notification when a failure occurs', on: true }, { label: 'Save', button: true }] } },
      { id: 'users', title: 'console.guide.entra_users', text: 'console.guide.entra_users_text', table: 'users', proof: 'person' },
      { id: 'groups', title: 'console.guide.entra_groups', text: 'console.guide.entra_groups_text', table: 'groups', proof: 'team' },
      { id: 'on', title: 'console.guide.entra_on', text: 'console.guide.entra_on_text', proof: 'person', sketch: { title: 'Settings', lines: [{ label: 'Provisioning Status', value: 'On' }, { label: 'Scope', value: 'Sync only assigned users and groups' }, { label: 'Save', button: true }] } },
    ],
  },
  okta: {
    name: 'Okta',
    facts: ['console.guide.okta_fact_push', 'console.guide.okta_fact_match', 'console.guide.fact_disable_okta'],
    steps: [
      { id: 'integration', title: 'console.guide.okta_integration', text: 'console.guide.okta_integration_text', hands: ['url', 'user_name'], proof: 'called', sketch: { title: 'Integration', lines: [{ label: 'SCIM connector base URL', value: 'https://…/v1/scim/v2' }, { label: 'Unique identifier field for users', value: 'userName' }, { label: 'Push New Users', on: true }, { label: 'Push Profile Updates', on: true }, { label: 'Push Groups', on: true }] } },
      { id: 'header', title: 'console.guide.okta_header', text: 'console.guide.okta_header_text', hands: ['token'], proof: 'called', sketch: { title: 'HTTP Header', lines: [{ label: 'Authentication Mode', value: 'HTTP Header' }, { label: 'Authorization: Bearer', value: '••••••••••••' }] } },
      { id: 'test', title: 'console.guide.okta_test', text: 'console.guide.okta_test_text', proof: 'tested', sketch: { title: 'Integration', lines: [{ label: 'Test Connector Configuration', button: true }, { label: 'Save', button: true }] } },
      { id: 'to_app', title: 'console.guide.okta_to_app', text: 'console.guide.okta_to_app_text', proof: 'person', sketch: { title: 'To App', lines: [{ label: 'Create Users', on: true }, { label: 'Update User Attributes', on: true }, { label: 'Deactivate Users', on: true }] } },
      { id: 'assign', title: 'console.guide.okta_assign', text: 'console.guide.okta_assign_text', proof: 'person', sketch: { title: 'Assignments', lines: [{ label: 'Assign', button: true }, { label: 'Ana Kovač', on: true }] } },
      { id: 'groups', title: 'console.guide.okta_groups', text: 'console.guide.okta_groups_text', proof: 'member', sketch: { title: 'Push Groups', lines: [{ label: 'Find groups by name', button: true }, { label: 'Marketing', on: true }] } },
    ],
  },
  other: {
    name: 'SCIM 2.0',
    facts: ['console.guide.other_fact_auth', 'console.guide.other_fact_slash'],
    steps: [
      { id: 'address', title: 'console.guide.other_address', text: 'console.guide.other_address_text', hands: ['url'], proof: 'called' },
      { id: 'token', title: 'console.guide.other_token', text: 'console.guide.other_token_text', hands: ['token'], proof: 'called' },
      { id: 'test', title: 'console.guide.other_test', text: 'console.guide.other_test_text', proof: 'tested' },
      { id: 'users', title: 'console.guide.other_users', text: 'console.guide.other_users_text', hands: ['user_name'], table: 'users', proof: 'person' },
      { id: 'groups', title: 'console.guide.other_groups', text: 'console.guide.other_groups_text', table: 'groups', proof: 'team' },
      { id: 'leave', title: 'console.guide.other_leave', text: 'console.guide.other_leave_text', proof: 'deactivated' },
    ],
  },
}

/** `unseen`: done or not, no call tells. */
export type StepState = 'done' | 'waiting' | 'problem' | 'todo' | 'unseen'

export interface Ticked { step: Step; state: StepState; call?: Call }

/**
 * The state of each step, by calls with the token and by nothing else. The first step that no call proves yet is waited for, and has the
 * problem where the last call was refused.
 */
export function ticked(steps: readonly Step[], setup: SyncSetup | undefined): Ticked[] {
  const calls = new Map(setup?.steps.map((one) => [one.step, one.call]))
  let next = true
  return steps.map((step) => {
    if (!step.proof) return { step, state: 'unseen' }
    const call = calls.get(step.proof)
    if (call) return { step, state: 'done', call }
    if (!next || !setup?.used_token) return { step, state: 'todo' }
    next = false
    return setup.problem ? { step, state: 'problem', call: setup.problem } : { step, state: 'waiting' }
  })
}

/** The step to show first: the one that is waited for, else the last one. */
export function current(all: readonly Ticked[]): string {
  return (all.find((one) => one.state === 'waiting' || one.state === 'problem' || one.state === 'todo') ?? all.at(-1))?.step.id ?? ''
}

/** Which provider a name from the log is. */
export function providerOf(name: string | null | undefined): Provider | null {
  if (!name) return null
  if (/entra|azure|microsoft/i.test(name)) return 'entra'
  return /okta/i.test(name) ? 'okta' : 'other'
}
