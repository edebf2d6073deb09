// What the service says about its audit (internal/consoleapi/openapi.yaml, tag activity).

export interface ActivityEvent {
  id: string
  at: string
  event: string
  area: Area
  outcome: 'ok' | 'refused'
  actor: { kind: string; id?: string; name?: string }
  object?: { id: string; name?: string }
  ip?: string
  user_agent?: string
  app?: string
  os?: string
  /** The phone that acted for its person. */
  device?: string
  detail: Record<string, unknown>
  sealed: boolean
  position?: number
  erased?: boolean
}

export interface ActivityDetail extends ActivityEvent {
  seal?: { hash: string; sealed_at: string; first: number; last: number; kid: string; fingerprint: string }
}

export interface ActivityPage {
  items: ActivityEvent[]
  next?: string
  searched_to?: string
  kept_days: number
  can: { keep: boolean }
}

export const areas = ['tokens', 'confirmations', 'phones', 'signin', 'people', 'directory', 'policy', 'integrations', 'audit'] as const
export type Area = (typeof areas)[number] | 'other'
export const formats = ['csv', 'jsonl', 'signed'] as const
export type Format = (typeof formats)[number]
