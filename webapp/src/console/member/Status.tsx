// Whether somebody can sign in, as a badge.

import type { Person } from '../../shared/types'
import { useT } from '../i18n'
import { Badge } from '../ui/parts'

export function PersonStatus({ person }: { person: Person }) {
  const { t } = useT()
  if (!person.active) return <Badge tone="plain" icon="off">{t('console.members.deactivated')}</Badge>
  if (person.has_password === false && person.source === 'local') return <Badge tone="warn" icon="clock">{t('console.members.no_password')}</Badge>
  return <Badge tone="good" icon="tick">{t('console.members.active')}</Badge>
}
