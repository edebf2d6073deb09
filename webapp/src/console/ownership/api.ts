// Giving the ownership away, as the console's service speaks of it.

import { send } from '../api'

export interface Transfer {
  id: string
  from: { id: string; name: string }
  to: { id: string; name: string }
  created_at: string
  expires_at: string
}

interface Now { transfer: Transfer | null }

export const ownershipApi = {
  transfer: () => send<Now>('GET', '/v1/ownership/transfer'),
  offer: (person: string, confirmation?: string) => send<Now>('POST', '/v1/ownership/transfer', { body: { person_id: person, ...(confirmation && { confirmation_id: confirmation }) } }),
  withdraw: () => send<void>('DELETE', '/v1/ownership/transfer'),
  accept: (confirmation: string) => send<Now>('POST', '/v1/ownership/transfer/accept', { body: { confirmation_id: confirmation } }),
  decline: () => send<void>('POST', '/v1/ownership/transfer/decline', { body: {} }),
}
