// The calls of the tab Notifications and of webhooks.

import { send } from '../api'

export interface Told { event: string; push: boolean; news: boolean; mail: boolean; enforced: boolean }

export interface Notifications {
  mail: { on: boolean; from?: string }
  language: 'en' | 'de'
  events: Told[]
  can_change: boolean
}

export const groups = ['user', 'group', 'token', 'confirmation'] as const
export type Group = (typeof groups)[number]

export interface Webhook {
  id: string
  url: string
  events: Group[]
  created_at: string
  stopped_at?: string
  failing_since?: string
  old_secret_until?: string
}

export interface Delivery {
  id: string
  event_id?: string
  type: string
  body: Record<string, unknown>
  state: 'waiting' | 'delivered' | 'failed'
  attempts: number
  status?: number
  error?: string
  took_ms: number
  created_at: string
  tried_at?: string
}

export interface NewSecret { webhook: Webhook; secret: string }

const at = (webhook: string) => `/v1/webhooks/${encodeURIComponent(webhook)}`

export const calls = {
  notifications: () => send<Notifications>('GET', '/v1/notifications'),
  change: (body: { language: string; off: string[] }) => send<Notifications>('PUT', '/v1/notifications', { body }),
  testMail: () => send<{ to: string }>('POST', '/v1/notifications/test', { body: {} }),
  webhooks: () => send<{ items: Webhook[]; can_change: boolean }>('GET', '/v1/webhooks'),
  add: (body: { url: string; events: Group[] }) => send<NewSecret>('POST', '/v1/webhooks', { body }),
  edit: (webhook: string, body: { url?: string; events?: Group[]; stopped?: boolean }) => send<Webhook>('PATCH', at(webhook), { body }),
  remove: (webhook: string) => send<void>('DELETE', at(webhook)),
  renew: (webhook: string) => send<NewSecret>('POST', `${at(webhook)}/secret`, { body: {} }),
  test: (webhook: string) => send<Delivery>('POST', `${at(webhook)}/test`, { body: {} }),
  deliveries: (webhook: string) => send<{ items: Delivery[] }>('GET', `${at(webhook)}/deliveries`),
  resend: (webhook: string, delivery: string) => send<Delivery>('POST', `${at(webhook)}/deliveries/${encodeURIComponent(delivery)}/resend`, { body: {} }),
}
