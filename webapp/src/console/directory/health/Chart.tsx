// Calls of the last day as bars, and the same as a table.

import { useT } from '../../i18n'
import type { Minute } from '../types'
import { bars } from './estimate'

const height = 120
const width = 768

export function Chart({ minutes, now }: { minutes: Minute[]; now: string }) {
  const { t, language } = useT()
  const { every, bars: all } = bars(minutes, Date.parse(now))
  if (all.length === 0) return <p className="text-muted">{t('console.health.quiet')}</p>
  const most = Math.max(1, ...all.map((bar) => bar.calls))
  const step = width / all.length
  const clock = (at: number) => new Intl.DateTimeFormat(language === 'de' ? 'de-DE' : 'en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at)
  const n = (value: number) => new Intl.NumberFormat(language).format(value)
  const title = every === 1 ? t('console.health.per_minute') : t('console.health.per_minutes', { count: every })
  const sum = all.reduce((total, bar) => total + bar.calls, 0)
  const first = all[0]
  const last = all.at(-1)
  return (
    <figure>
      <figcaption className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4 text-sm">
        <span className="font-medium">{title}</span>
        <span className="text-muted">{t('console.health.most', { n: n(most), sum: n(sum) })}</span>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height + 2}`} className="block h-32 w-full text-accent" preserveAspectRatio="none" role="img" aria-label={`${title}. ${t('console.health.most', { n: n(most), sum: n(sum) })}`}>
        <path d={`M0 ${height + 1}H${width}`} stroke="currentColor" strokeOpacity=".35" vectorEffect="non-scaling-stroke" />
        {all.map((bar, i) => bar.calls > 0 && (
          <g key={bar.at}>
            <rect x={i * step + step * 0.12} width={step * 0.76} y={height - (height * bar.calls) / most} height={(height * bar.calls) / most} fill="currentColor" />
            {bar.bad > 0 && <rect x={i * step + step * 0.12} width={step * 0.76} y={height - (height * bar.bad) / most} height={(height * bar.bad) / most} className="fill-bad" />}
          </g>
        ))}
      </svg>
      <div className="mt-1 flex justify-between text-xs text-muted tabular-nums"><span>{first && clock(first.at)}</span><span>{last && clock(last.at + every * 60_000)}</span></div>
      <p className="mt-2 flex flex-wrap gap-x-5 gap-y-1 text-xs text-muted">
        <span className="inline-flex items-center gap-1.5"><span aria-hidden="true" className="size-2.5 rounded-sm bg-accent" />{t('console.health.calls')}</span>
        <span className="inline-flex items-center gap-1.5"><span aria-hidden="true" className="size-2.5 rounded-sm bg-bad" />{t('console.health.refused')}</span>
      </p>
      <details className="mt-3 text-sm">
        <summary className="w-fit rounded-sm font-medium text-accent">{t('console.health.as_table')}</summary>
        <div className="mt-2 max-h-72 overflow-y-auto" tabIndex={0} role="region" aria-label={title}>
          <table className="w-full max-w-md text-left">
            <thead><tr className="text-muted"><th scope="col" className="py-1 font-medium">{t('console.log.time')}</th><th scope="col" className="py-1 text-right font-medium">{t('console.health.calls')}</th><th scope="col" className="py-1 text-right font-medium">{t('console.health.refused')}</th></tr></thead>
            <tbody className="divide-y divide-line border-t border-line tabular-nums">
              {all.filter((bar) => bar.calls > 0).map((bar) => <tr key={bar.at}><td className="py-1">{clock(bar.at)}</td><td className="py-1 text-right">{n(bar.calls)}</td><td className="py-1 text-right">{n(bar.bad)}</td></tr>)}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  )
}
