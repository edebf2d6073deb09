// The calls of the console, each with the workspace of this tab.

import { recentlyActive } from '../shared/activity'
import { ApiError, call, type CallOptions } from '../shared/api'
import type {
  Ceremony, Confirmation, Device, Domain, IdentityProvider, IdentityProviderSettings, ProviderSettings, ServiceProvider, Directory, Limits, OpenSession, Page, Pairing, PairingStart, PairingState, Passkey, PasswordLink, Policy, PolicyRules,
  Offboarding, Person, PersonalNotice, Profile, Recovery, RecoveryRequest, Revealed, Role, Session, SessionLimits, SessionState, Setup, SetupRequest, SSOLinks, Team, TokenDetails,
} from '../shared/types'
import type { Question } from './confirm/ask'
import { noteServerTime } from './server-clock'
import { sessionEnd } from './session-end'
import { activeSlug } from './workspace'

export interface Options extends CallOptions {
  /** The page asks by itself: does not count as somebody being there. */
  background?: boolean
  /** A 401 is an answer here, not the end of a session. */
  quiet?: boolean
}

/** One call with the workspace of this tab; pages that are loaded later have their own lists of calls. */
export async function send<T>(method: string, path: string, { background, quiet, ...options }: Options = {}): Promise<T> {
  const headers: Record<string, string> = { ...options.headers }
  const slug = activeSlug()
  if (slug) headers['Countersign-Workspace'] = slug
  if (background ?? (method === 'GET' && !recentlyActive())) headers['Countersign-Background'] = '1'
  try {
    return await call<T>(method, path, { ...options, headers })
  } catch (error) {
    if (!quiet && error instanceof ApiError && error.status === 401 && error.code === 'unauthorized') sessionEnd.report()
    throw error
  }
}

const id = encodeURIComponent

export const api = {
  setup: () => send<Setup>('GET', '/v1/setup'),
  claimPasskey: (body: SetupRequest) => send<Ceremony>('POST', '/v1/setup/passkey', { body, quiet: true }),
  claim: (body: SetupRequest) => send<{ workspace: { id: string; slug: string } }>('POST', '/v1/setup', { body, quiet: true }),

  workspace: (slug: string) => send<{ slug: string; name: string; sso?: { name: string } }>('GET', `/v1/workspaces/${id(slug)}`),

  session: async (options: Options = {}) => {
    const session = await send<Session>('GET', '/v1/session', { quiet: true, ...options })
    noteServerTime(session.server_time)
    return session
  },
  signIn: (body: { workspace: string; email: string; password: string }) => send<Session>('POST', '/v1/session', { body, quiet: true }),
  sessionState: async () => {
    const state = await send<SessionState>('GET', '/v1/session/state', { quiet: true, background: true })
    noteServerTime(state.server_time)
    return state
  },
  signOutSSO: () => send<{ url: string }>('POST', '/v1/session/sso-sign-out', { body: {}, quiet: true }),
  signOut: () => send<void>('DELETE', '/v1/session', { quiet: true }),
  passkeySignInOptions: () => send<Ceremony>('POST', '/v1/session/passkey/options', { body: {}, quiet: true }),
  passkeySignIn: (body: { workspace: string; ceremony: string; response: unknown }) => send<Session>('POST', '/v1/session/passkey', { body, quiet: true }),
  beginSSO: (slug: string, returnTo: string, anyway = false) => send<{ url: string }>('POST', `/v1/workspaces/${id(slug)}/sso`, { body: { return_to: returnTo, anyway }, quiet: true }),
  verify: (password: string) => send<void>('POST', '/v1/session/verify', { body: { password } }),
  passkeyVerifyOptions: () => send<Ceremony>('POST', '/v1/session/verify/passkey/options', { body: {} }),
  passkeyVerify: (body: { ceremony: string; response: unknown }) => send<void>('POST', '/v1/session/verify/passkey', { body }),
  setPassword: (body: { token: string; password: string }) => send<void>('POST', '/v1/session/password', { body, quiet: true }),

  /** Binds an operator's recovery link to this session, which may then pair one phone. */
  recover: (token: string) => send<void>('POST', '/v1/session/recover', { body: { token } }),

  passkeys: () => send<{ items: Passkey[]; available: boolean }>('GET', '/v1/passkeys'),
  passkeyOptions: () => send<Ceremony>('POST', '/v1/passkeys/options', { body: {} }),
  addPasskey: (body: { ceremony: string; name: string; response: unknown }) => send<Passkey>('POST', '/v1/passkeys', { body }),
  renamePasskey: (passkey: string, name: string) => send<void>('PATCH', `/v1/passkeys/${id(passkey)}`, { body: { name } }),
  removePasskey: (passkey: string) => send<void>('DELETE', `/v1/passkeys/${id(passkey)}`),

  identityProvider: () => send<IdentityProviderSettings>('GET', '/v1/identity-provider'),
  saveIdentityProvider: (body: ProviderSettings) => send<IdentityProvider>('PUT', '/v1/identity-provider', { body }),
  turnIdentityProvider: (active: boolean, enforced: boolean) => send<IdentityProvider>('PUT', '/v1/identity-provider/state', { body: { active, enforced } }),
  testIdentityProvider: () => send<{ url: string }>('POST', '/v1/identity-provider/test', { body: {} }),
  rereadMetadata: () => send<IdentityProvider>('POST', '/v1/identity-provider/metadata', { body: {} }),
  makeCertificate: () => send<ServiceProvider>('POST', '/v1/identity-provider/certificates', { body: {} }),
  useCertificate: () => send<ServiceProvider>('POST', '/v1/identity-provider/certificates/use', { body: {} }),
  removeIdentityProvider: () => send<void>('DELETE', '/v1/identity-provider'),
  addDomain: (domain: string) => send<Domain>('POST', '/v1/identity-provider/domains', { body: { domain } }),
  proveDomain: (domain: string) => send<Domain>('POST', `/v1/identity-provider/domains/${id(domain)}/prove`, { body: {} }),
  removeDomain: (domain: string) => send<void>('DELETE', `/v1/identity-provider/domains/${id(domain)}`),

  sessions: () => send<{ items: OpenSession[] }>('GET', '/v1/sessions'),
  endSession: (session: string) => send<void>('DELETE', `/v1/sessions/${id(session)}`),
  sessionsOf: (person: string) => send<{ items: OpenSession[] }>('GET', `/v1/people/${id(person)}/sessions`),
  endSessionOf: (person: string, session: string) => send<void>('DELETE', `/v1/people/${id(person)}/sessions/${id(session)}`),
  endSessionsOf: (person: string) => send<{ ended: number }>('DELETE', `/v1/people/${id(person)}/sessions`),
  endOtherSessions: () => send<{ ended: number }>('DELETE', '/v1/sessions'),

  directory: (options: Options = {}) => send<Directory>('GET', '/v1/directory', options),

  token: (token: string) => send<TokenDetails>('GET', `/v1/tokens/${id(token)}`, { background: true }),
  revokeToken: (token: string, reason: string, confirmation: string) =>
    send<void>('POST', `/v1/tokens/${id(token)}/revoke`, { body: { confirmation_id: confirmation, ...(reason && { reason }) } }),
  endOverlap: (token: string, confirmation: string) => send<void>('POST', `/v1/tokens/${id(token)}/end-overlap`, { body: { confirmation_id: confirmation } }),
  extendOverlap: (token: string, seconds: number, confirmation: string) =>
    send<void>('POST', `/v1/tokens/${id(token)}/extend-overlap`, { body: { confirmation_id: confirmation, overlap_seconds: seconds } }),
  cancelRegeneration: (token: string, confirmation: string) => send<void>('POST', `/v1/tokens/${id(token)}/cancel-regeneration`, { body: { confirmation_id: confirmation } }),
  setTokenExpiry: (token: string, days: number, confirmation: string) => send<void>('PUT', `/v1/tokens/${id(token)}/expiry`, { body: { confirmation_id: confirmation, days } }),
  setTokenAddresses: (token: string, mode: TokenDetails['addresses']['mode'], addresses: string[], confirmation: string) =>
    send<void>('PUT', `/v1/tokens/${id(token)}/addresses`, { body: { confirmation_id: confirmation, mode, addresses } }),

  people: (q: string, after?: string) => send<Page<Person>>('GET', `/v1/people?${query({ limit: '50', q, after })}`),
  person: (person: string) => send<Person>('GET', `/v1/people/${id(person)}`),
  profile: (person: string) => send<Profile>('GET', `/v1/people/${id(person)}/profile`),
  ssoLinks: (person: string) => send<SSOLinks>('GET', `/v1/people/${id(person)}/sso`),
  devicesOf: (person: string) => send<{ items: Device[] }>('GET', `/v1/people/${id(person)}/devices`),
  offboardingsOf: (person: string) => send<Page<Offboarding>>('GET', `/v1/offboardings?${query({ person, limit: '1' })}`),
  addPerson: (body: { name: string; email: string; role: Role; mail?: boolean }) => send<PasswordLink & { person: Person }>('POST', '/v1/people', { body }),
  passwordLink: (person: string, mail = false) => send<PasswordLink>('POST', `/v1/people/${id(person)}/password-link`, { body: { mail } }),
  changePerson: (person: string, body: { role?: Role; active?: boolean; was?: { role: Role } }) => send<Person>('PATCH', `/v1/people/${id(person)}`, { body }),
  teams: (after?: string) => send<Page<Team>>('GET', `/v1/teams?${query({ limit: '50', after })}`),

  devices: () => send<{ items: Device[] }>('GET', '/v1/devices'),
  removeDevice: (device: string, confirmation: string) => send<void>('DELETE', `/v1/devices/${id(device)}`, { body: { confirmation_id: confirmation } }),

  testDevice: (device: string) => send<{ sent: boolean; reason?: string }>('POST', `/v1/devices/${id(device)}/test`, { body: {} }),
  renameDevice: (device: string, name: string) => send<Device>('PATCH', `/v1/devices/${id(device)}`, { body: { name } }),

  recovery: (options: Options = {}) => send<Recovery>('GET', '/v1/recovery', options),
  makeRecoveryCodes: (confirmation?: string) => send<{ codes: string[]; created_at: string }>('POST', '/v1/recovery/codes', { body: confirmation ? { confirmation_id: confirmation } : {} }),
  useRecoveryCode: (code: string) => send<{ pair_until: string; left: number }>('POST', '/v1/recovery/codes/use', { body: { code } }),
  askColleague: (approver: string, note: string) => send<RecoveryRequest>('POST', '/v1/recovery/requests', { body: { approver_id: approver, note } }),
  askedOfMe: () => send<{ items: RecoveryRequest[] }>('GET', '/v1/recovery/requests'),
  compareWords: (request: string, words: string) => send<RecoveryRequest>('POST', `/v1/recovery/requests/${id(request)}/compare`, { body: { words } }),
  approveRecovery: (request: string, confirmation: string) => send<RecoveryRequest>('POST', `/v1/recovery/requests/${id(request)}/approve`, { body: { confirmation_id: confirmation } }),
  declineRecovery: (request: string) => send<RecoveryRequest>('POST', `/v1/recovery/requests/${id(request)}/decline`),
  cancelRecovery: (request: string) => send<RecoveryRequest>('POST', `/v1/recovery/requests/${id(request)}/cancel`),

  sessionLimits: () => send<SessionLimits>('GET', '/v1/session-limits'),
  changeSessionLimits: (body: Limits & { was: Limits; confirmation_id: string }) => send<SessionLimits>('PUT', '/v1/session-limits', { body }),
  unlock: (person: string, confirmation: string) => send<void>('POST', `/v1/people/${id(person)}/unlock`, { body: { confirmation_id: confirmation } }),
  policy: () => send<Policy>('GET', '/v1/policy'),
  changePolicy: (rules: PolicyRules, was: PolicyRules, confirmation: string) => send<Policy>('PUT', '/v1/policy', { body: { ...rules, was, confirmation_id: confirmation } }),
  unfreeze: (confirmation: string) => send<Policy>('POST', '/v1/policy/unfreeze', { body: { confirmation_id: confirmation } }),

  notices: () => send<{ items: PersonalNotice[]; unseen: number }>('GET', '/v1/notices'),
  noticeSeen: (notice: string) => send<void>('POST', `/v1/notices/${id(notice)}/seen`, { background: true }),

  pair: (confirmation?: string) => send<PairingStart>('POST', '/v1/pairings', { body: confirmation ? { confirmation_id: confirmation } : {} }),
  pairing: (pairing: string, wait: number, since: PairingState, signal: AbortSignal) =>
    send<Pairing>('GET', `/v1/pairings/${id(pairing)}?wait=${wait}&since=${since}`, { signal, background: true, timeout: (wait + 10) * 1000 }),
  match: (pairing: string, match: boolean) => send<Pairing>('POST', `/v1/pairings/${id(pairing)}/match`, { body: { match } }),

  ask: (question: Question) => send<Confirmation>('POST', '/v1/confirmations', { body: question }),
  confirmation: (cid: string) => send<Confirmation>('GET', `/v1/confirmations/${id(cid)}`, { background: true }),
  awaitConfirmation: (cid: string, wait: number, since: number, signal: AbortSignal) =>
    send<Confirmation>('GET', `/v1/confirmations/${id(cid)}?${query({ wait: wait ? String(wait) : undefined, since_version: String(since) })}`, { signal, background: true, timeout: (wait + 10) * 1000 }),
  cancelConfirmation: (cid: string) => send<unknown>('POST', `/v1/confirmations/${id(cid)}/cancel`, { keepalive: true }),
  resendConfirmation: (cid: string) => send<Confirmation | undefined>('POST', `/v1/confirmations/${id(cid)}/resend`),
  passkeyConfirmOptions: (cid: string) => send<Ceremony>('POST', `/v1/confirmations/${id(cid)}/passkey/options`, { body: {} }),
  passkeyConfirm: (cid: string, body: { ceremony: string; response: unknown }) => send<Confirmation>('POST', `/v1/confirmations/${id(cid)}/passkey`, { body }),
  reveal: (cid: string) => send<Revealed>('POST', `/v1/confirmations/${id(cid)}/reveal`),
  /** For the receipt; nothing waits for it. */
  tokenEvent: (cid: string, event: 'shown' | 'hidden' | 'copied' | 'closed') => {
    send<void>('POST', `/v1/confirmations/${id(cid)}/events`, { body: { event }, keepalive: true, quiet: true, background: event === 'hidden' }).catch(() => undefined)
  },
}

export function query(values: Record<string, string | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value) query.set(name, value)
  return query.toString()
}
