// Small pieces that several screens share.

import { Fragment, useEffect, useState, type ReactNode } from 'react'
import { ApiError } from '../../shared/api'
import { dateTime, relative, utc } from '../../shared/format'
import { useT, template, type Key, type Values } from '../i18n'
import { errorText, failureCode } from '../errors'
import { Button } from './button'
import { Icon, type IconName } from './icons'

/** A text with elements in it: {{name}} is replaced by an element, <b>…</b> is set strong. Values are text, whatever is in them. */
export function Rich({ k, values, parts = {} }: { k: Key; values?: Values; parts?: Record<string, ReactNode> }) {
  const { t } = useT()
  const pieces = template(t, k, values).split(/(\{\{\w+\}\}|<b>.*?<\/b>)/)
  return <>{pieces.map((piece, i) => <Fragment key={i}>{pieceOf(piece, parts, values)}</Fragment>)}</>
}

function pieceOf(piece: string, parts: Record<string, ReactNode>, values: Values = {}): ReactNode {
  const name = /^\{\{(\w+)\}\}$/.exec(piece)?.[1]
  if (name !== undefined) return parts[name] ?? values[name] ?? ''
  const strong = /^<b>(.*)<\/b>$/.exec(piece)?.[1]
  if (strong === undefined) return piece
  return <strong className="font-semibold">{strong.split(/(\{\{\w+\}\})/).map((inner, i) => <Fragment key={i}>{pieceOf(inner, parts, values)}</Fragment>)}</strong>
}

/** The time, kept current while the page is open. */
export function useNow(everyMs: number): Date {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

/** "3 May 2026, 14:02 (2 min ago)", UTC in the title; `short` leaves the date to the title. */
export function Time({ at, short = false }: { at: string; short?: boolean }) {
  const { language } = useT()
  const now = useNow(30_000)
  const date = new Date(at)
  const ago = relative(date, now, language)
  return (
    <time dateTime={at} title={short ? `${dateTime(date, language)} · ${utc(date)}` : utc(date)}>
      {short ? ago : `${dateTime(date, language)} (${ago})`}
    </time>
  )
}

export function Card({ children, className = '' }: { children: ReactNode; className?: string }) {
  return <div className={`rounded-xl border border-line bg-surface shadow-card ${className}`}>{children}</div>
}

export type BadgeTone = 'good' | 'warn' | 'bad' | 'plain' | 'accent'
const badges: Record<BadgeTone, string> = {
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  plain: 'bg-hover text-muted',
  accent: 'bg-accent-soft text-accent',
}

/** A state: always a word, and an icon where one fits. */
export function Badge({ tone, icon, children }: { tone: BadgeTone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`inline-flex max-w-full items-center gap-1 rounded-full border border-transparent px-2.5 py-0.5 text-sm font-medium ${badges[tone]}`}>
      {icon && <Icon name={icon} className="size-4" />}
      <span className="truncate">{children}</span>
    </span>
  )
}

/** Lines of about the size of what is coming. */
export function Skeleton({ lines = 3, className = '' }: { lines?: number; className?: string }) {
  const { t } = useT()
  return (
    <div className={`space-y-3 ${className}`}>
      <span className="sr-only">{t('common.loading')}</span>
      {Array.from({ length: lines }, (_, i) => <div key={i} aria-hidden="true" className={`skeleton h-4 ${['w-3/4', 'w-1/2', 'w-2/3'][i % 3]}`} />)}
    </div>
  )
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="px-6 py-12 text-center">
      <div className="mx-auto mb-4 grid size-12 place-items-center rounded-full bg-hover text-muted"><Icon name={icon} className="size-6" /></div>
      <p className="text-lg font-medium">{title}</p>
      {children && <div className="mx-auto mt-1 max-w-md text-muted">{children}</div>}
    </div>
  )
}

/** A part of a page that could not be loaded. */
export function LoadError({ error, retry }: { error: unknown; retry: () => void }) {
  const { t, language } = useT()
  return (
    <div className="px-6 py-10 text-center" role="alert">
      <p className="text-lg font-medium">{t('console.load_failed')}</p>
      <p className="mx-auto mt-1 mb-5 max-w-md text-muted">{errorText(t, language, error)}</p>
      <Button onClick={retry}>{t('common.tryAgain')}</Button>
      <RequestId error={error} />
    </div>
  )
}

/** What to give whoever runs the service, where the answer to a failed call named itself. */
export function RequestId({ error }: { error: unknown }) {
  const { t } = useT()
  if (!(error instanceof ApiError) || !error.requestId) return null
  return <p className="mt-5 text-sm text-muted"><code translate="no" className="font-mono whitespace-nowrap">{failureCode(error)}</code> · {t('console.request_id')} <code translate="no" className="font-mono [overflow-wrap:anywhere]">{error.requestId}</code></p>
}

/** A page's head: its one h1, which takes the focus after a change of page, and what can be done. */
export function PageHead({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="mb-6 flex flex-wrap items-center justify-between gap-4">
      <h1 tabIndex={-1} className="text-2xl font-semibold tracking-tight [overflow-wrap:anywhere] max-[22rem]:text-[1.35rem]">{title}</h1>
      {children}
    </div>
  )
}
