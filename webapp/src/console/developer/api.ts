// API keys, as the console's service speaks of them; loaded with their page.

import { send } from '../api'

export interface APIKey {
  id: string
  name: string
  hint: string
  person: { id: string; name: string }
  scopes: string[]
  created_at: string
  expires_at: string
  /** To within a minute. */
  last_used_at?: string
  last_used_ip?: string
  ended_at?: string
  ended_because?: 'revoked' | 'expired' | 'deactivated' | 'role'
  state: 'live' | 'ended'
}

/** What is asked for: the phone signs these words. */
export interface WantedKey { name: string; scopes: string[]; days: number }

export const keysApi = {
  list: () => send<{ items: APIKey[]; scopes: string[] }>('GET', '/v1/api-keys'),
  make: (wanted: WantedKey, confirmation: string) => send<APIKey & { key: string }>('POST', '/v1/api-keys', { body: { ...wanted, confirmation_id: confirmation } }),
  revoke: (key: string) => send<void>('DELETE', `/v1/api-keys/${encodeURIComponent(key)}`),
}
