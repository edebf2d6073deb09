// The sentences of my notices: which one a kind has, and what it is filled with.

import { dateTime, type Language } from '../../shared/format'
import type { PersonalNotice } from '../../shared/types'
import type { Key } from '../i18n'
import type { NoticeTone } from '../ui/notice'

export interface Sentence { key: Key; tone: NoticeTone; values: Record<string, string | number>; names: Record<string, string> }

const kinds: Record<string, { key: Key; tone: NoticeTone }> = {
  'device.added': { key: 'console.notices.device_added', tone: 'info' },
  'colleague.device_added': { key: 'console.notices.colleague_device_added', tone: 'info' },
  'device.removed': { key: 'console.notices.device_removed', tone: 'info' },
  'device.key_ended': { key: 'console.notices.device_key_ended', tone: 'warn' },
  'recovery.codes_made': { key: 'console.notices.codes_made', tone: 'info' },
  'recovery.code_used': { key: 'console.notices.code_used', tone: 'warn' },
  'recovery.codes_paused': { key: 'console.notices.codes_paused', tone: 'bad' },
  'recovery.link_made': { key: 'console.notices.link_made', tone: 'warn' },
  'recovery.link_used': { key: 'console.notices.link_used', tone: 'warn' },
  'recovery.asked': { key: 'console.notices.asked', tone: 'warn' },
  'recovery.approved': { key: 'console.notices.approved', tone: 'warn' },
  'recovery.refused': { key: 'console.notices.refused', tone: 'info' },
  'recovery.cancelled': { key: 'console.notices.cancelled', tone: 'info' },
  'recovery.expired': { key: 'console.notices.expired', tone: 'info' },
  'device.push_detached': { key: 'console.notices.push_detached', tone: 'warn' },
  'confirmation.reported': { key: 'console.notices.reported', tone: 'bad' },
  'confirmation.locked': { key: 'console.notices.locked', tone: 'warn' },
  'removal.held': { key: 'console.notices.removal_held', tone: 'bad' },
  'ownership.frozen': { key: 'console.notices.ownership_frozen', tone: 'bad' },
  'session.limits_changed': { key: 'console.notices.session_limits', tone: 'info' },
  'token.regenerated': { key: 'console.notices.token_regenerated', tone: 'bad' },
  'token.renewed': { key: 'console.notices.token_renewed', tone: 'warn' },
  'token.renewed_support': { key: 'console.notices.token_renewed_support', tone: 'warn' },
  'token.support_answered': { key: 'console.notices.token_answered', tone: 'good' },
  'token.viewed': { key: 'console.notices.token_viewed', tone: 'info' },
  'token.revoked': { key: 'console.notices.token_revoked', tone: 'bad' },
  'token.overlap_ended': { key: 'console.notices.token_ended', tone: 'info' },
  'token.overlap_extended': { key: 'console.notices.token_extended', tone: 'info' },
  'token.regeneration_cancelled': { key: 'console.notices.token_cancelled', tone: 'warn' },
  'token.expiring': { key: 'console.notices.token_expiring', tone: 'warn' },
  'token.expired': { key: 'console.notices.token_expired', tone: 'bad' },
  'token.overlap_ending': { key: 'console.notices.token_ending', tone: 'warn' },
  'token.addresses_changed': { key: 'console.notices.token_addresses', tone: 'info' },
  'token.expiry_changed': { key: 'console.notices.token_expiry', tone: 'info' },
  'sync.stopped': { key: 'console.notices.sync_stopped', tone: 'bad' },
  'sync.ending': { key: 'console.notices.sync_ending', tone: 'bad' },
  'webhook.stopped': { key: 'console.notices.webhook_stopped', tone: 'warn' },
  'sso.certificate_expiring': { key: 'console.notices.certificate_expiring', tone: 'warn' },
  'sso.certificate_expired': { key: 'console.notices.certificate_expired', tone: 'bad' },
  'sso.key_expiring': { key: 'console.notices.sso_key_expiring', tone: 'warn' },
  'sso.key_expired': { key: 'console.notices.sso_key_expired', tone: 'bad' },
  'ownership.offered': { key: 'console.notices.ownership_offered', tone: 'warn' },
  'ownership.transferred': { key: 'console.notices.ownership_transferred', tone: 'bad' },
  'ownership.offer_declined': { key: 'console.notices.ownership_declined', tone: 'info' },
  'ownership.offer_cancelled': { key: 'console.notices.ownership_cancelled', tone: 'info' },
  'ownership.offer_expired': { key: 'console.notices.ownership_expired', tone: 'info' },
  'apikey.created': { key: 'console.notices.key_created', tone: 'warn' },
  'apikey.revoked': { key: 'console.notices.key_revoked', tone: 'warn' },
  'apikey.expiring': { key: 'console.notices.key_expiring', tone: 'warn' },
  'passkey.added': { key: 'console.notices.passkey_added', tone: 'warn' },
  'recovery.done': { key: 'console.notices.done', tone: 'warn' },
}

const moments = new Set(['until', 'expires_at', 'last', 'off'])

/** A kind that this console does not know yet is still said, by its name. */
export function sentence(notice: PersonalNotice, language: Language): Sentence {
  let found = kinds[notice.kind]
  if (notice.kind === 'recovery.refused' && notice.params['reason'] === 'words_differ') found = { key: 'console.notices.words_differ', tone: 'bad' }
  if (notice.kind === 'confirmation.reported' && notice.params['frozen'] === true) found = { key: 'console.notices.reported_frozen', tone: 'bad' }
  const out: Sentence = { key: found?.key ?? 'console.notices.other', tone: found?.tone ?? 'info', values: {}, names: found ? {} : { kind: notice.kind } }
  for (const [name, value] of Object.entries(notice.params)) {
    if (typeof value === 'number') out.values[name] = value
    else if (typeof value === 'string' && moments.has(name)) out.values[name] = dateTime(new Date(value), language)
    else if (typeof value === 'string') out.names[name] = value
  }
  return out
}
