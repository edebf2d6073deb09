import type { ReactNode } from 'react'
import { Icon, type IconName } from './icons'

export type NoticeTone = 'info' | 'good' | 'warn' | 'bad'

const tones: Record<NoticeTone, { icon: IconName; look: string }> = {
  info: { icon: 'info', look: 'bg-accent-soft text-accent' },
  good: { icon: 'tick', look: 'bg-good-soft text-good' },
  warn: { icon: 'warn', look: 'bg-warn-soft text-warn' },
  bad: { icon: 'stop', look: 'bg-bad-soft text-bad' },
}

/** A framed sentence with an icon. `alert` makes it spoken when it appears. */
export function Notice({ tone, children, alert = false, className = '' }: { tone: NoticeTone; children: ReactNode; alert?: boolean; className?: string }) {
  const { icon, look } = tones[tone]
  return (
    <div role={alert ? 'alert' : undefined} className={`flex items-start gap-3 rounded-lg border border-transparent px-4 py-3 ${look} ${className}`}>
      <Icon name={icon} className="mt-0.5 size-5" />
      <div className="min-w-0 flex-1 text-ink [overflow-wrap:anywhere]">{children}</div>
    </div>
  )
}
